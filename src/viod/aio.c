/* SPDX-License-Identifier: ISC */
/* aio.c - what the engines share; see aio.h */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "viod/aio.h"

int
aio_new(struct aio **ret, const struct aio_setup *setup, const char *name,
    struct err *e)
{
	(void)err_set(e, ENOENT, "no engine is called %s",
	    name != NULL ? name : "that");
	for (unsigned i = 0; aio_engines[i] != NULL; i++) {
		if (name != NULL && strcmp(name, aio_engines[i]->name) != 0)
			continue;
		if (aio_engines[i]->start(ret, setup, e) == 0)
			return 0;
	}
	return -1;
}

void
aio_destroy(struct aio *a)
{
	if (a != NULL)
		a->engine->destroy(a);
}

const char *
aio_name(const struct aio *a)
{
	return a->engine->name;
}

void
aio_queue(struct aio *a, struct aio_req *r)
{
	a->engine->queue(a, r);
}

void
aio_kick(struct aio *a)
{
	a->engine->kick(a);
}

void
aio_wait(struct aio *a)
{
	a->engine->wait(a);
}

static int
is_transfer(const struct aio_req *r)
{
	return r->op == AIO_READ || r->op == AIO_WRITE ||
	    r->op == AIO_WRITE_SYNC;
}

/* n bytes of the transfer are done: what is left? */
static void
advance(struct aio_req *r, uint64_t n)
{
	r->offset += n;
	r->len -= n;
	while (r->niov > 0 && n >= r->iov->iov_len) {
		n -= r->iov->iov_len;
		r->iov++;
		r->niov--;
	}
	if (r->niov > 0) {
		r->iov->iov_base = (char *)r->iov->iov_base + n;
		r->iov->iov_len -= n;
	}
}

int
aio_settle(struct aio_req *r, int64_t ret)
{
	r->error = 0;
	if (ret == -EINTR || ret == -EAGAIN)
		return 0;
	if (ret < 0) {
		r->error = (int)-ret;
		return 1;
	}
	if (!is_transfer(r))
		return 1;
	if (ret == 0 && r->len != 0) {
		r->error = EIO;		/* the file is shorter than it was */
		return 1;
	}
	advance(r, (uint64_t)ret);
	return r->len == 0;
}

void
aio_perform(int fd, struct aio_req *r)
{
	int64_t n;

	do {
		switch (r->op) {
		case AIO_READ:
			n = preadv(fd, r->iov, (int)r->niov, (off_t)r->offset);
			break;
		case AIO_WRITE:
		case AIO_WRITE_SYNC:
			n = pwritev(fd, r->iov, (int)r->niov,
			    (off_t)r->offset);
			break;
		case AIO_SYNC:
			n = os_datasync(fd);
			break;
		case AIO_PUNCH:
			n = os_punch(fd, r->offset, r->len);
			break;
		case AIO_ZERO:
			n = os_zero(fd, r->offset, r->len);
			break;
		default:
			n = -1;
			errno = EINVAL;
		}
	} while (!aio_settle(r, n == -1 ? -errno : n));
	if (r->op == AIO_WRITE_SYNC && r->error == 0 && os_datasync(fd) == -1)
		r->error = errno;
}
