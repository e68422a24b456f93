/* SPDX-License-Identifier: ISC */
/*
 * request_identity.c - this guest was made from the memory of another
 *
 * IDENTITY of docs/agent-protocol.md: what two guests must not share is
 * replaced: the state of the random generator, the machine-id, the host
 * name, the address of the network card and the lease of its IP address.
 */

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/random.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/net.h"
#include "guest/request.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"

#define SEED_MAX	256	/* bytes */
#define NAME_MAX_BYTES	64	/* of a host name, as the kernel's */
#define MACHINE_ID_LEN	32	/* hexadecimal digits */

struct identity {
	const char	*hostname;	/* or NULL */
	const char	*machine_id;	/* or NULL */
	bool		 has_mac;
	uint8_t		 mac[6];
	size_t		 nseed;
	uint8_t		 seed[SEED_MAX];
};

/* --- records -------------------------------------------------------------- */

static int
take_hostname(void *arg, const char *value, struct err *e)
{
	struct identity *i = arg;

	if (*value == '\0' || strlen(value) > NAME_MAX_BYTES ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != strlen(value))
		return err_set(e, EINVAL, "is no host name");
	i->hostname = value;
	return 0;
}

static int
take_machine_id(void *arg, const char *value, struct err *e)
{
	struct identity *i = arg;

	if (strlen(value) != MACHINE_ID_LEN ||
	    strspn(value, "0123456789abcdef") != MACHINE_ID_LEN)
		return err_set(e, EINVAL, "is no machine-id");
	i->machine_id = value;
	return 0;
}

static int
take_mac(void *arg, const char *value, struct err *e)
{
	struct identity *i = arg;
	unsigned m[6];
	int end = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2],
	    &m[3], &m[4], &m[5], &end) != 6 || value[end] != '\0' ||
	    (m[0] & 1) != 0)
		return err_set(e, EINVAL, "is no address of a card");
	for (int n = 0; n < 6; n++)
		i->mac[n] = (uint8_t)m[n];
	i->has_mac = true;
	return 0;
}

static int
take_seed(void *arg, const char *value, struct err *e)
{
	struct identity *i = arg;
	size_t len = strlen(value);
	unsigned byte;

	if (len % 2 != 0 || len / 2 > SEED_MAX ||
	    strspn(value, "0123456789abcdef") != len)
		return err_set(e, EINVAL, "is no row of bytes");
	for (i->nseed = 0; i->nseed < len / 2; i->nseed++) {
		(void)sscanf(value + 2 * i->nseed, "%2x", &byte);
		i->seed[i->nseed] = (uint8_t)byte;
	}
	return 0;
}

static const struct record_field fields[] = {
	{ "hostname",	take_hostname },
	{ "mac",	take_mac },
	{ "machine_id",	take_machine_id },
	{ "seed",	take_seed },
	{ NULL,		NULL },
};

/* --- what is done --------------------------------------------------------- */

/* Credited, and used from the next byte on. */
static int
reseed(const struct identity *i, struct err *e)
{
	uint32_t room[(sizeof(struct rand_pool_info) + SEED_MAX) / 4] = { 0 };
	struct rand_pool_info *pool = (struct rand_pool_info *)room;
	own_fd int fd = -1;
	int r;

	if (i->nseed == 0)
		return 0;
	fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "/dev/urandom");
	pool->entropy_count = (int)i->nseed * 8;
	pool->buf_size = (int)i->nseed;
	memcpy(pool->buf, i->seed, i->nseed);
	r = ioctl(fd, RNDADDENTROPY, pool) == -1 ||
	    ioctl(fd, RNDRESEEDCRNG) == -1 ?
	    err_sys(e, "/dev/urandom: reseed") : 0;
	explicit_bzero(room, sizeof(room));
	return r;
}

/*
 * Only where the image has one: whoever wants one reads this file.  Written
 * in place, since it may be a mount of its own.
 */
static int
replace_machine_id(const struct identity *i, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (i->machine_id == NULL)
		return 0;
	fd = open("/etc/machine-id", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT || errno == ELOOP ? 0 :
		    err_sys(e, "/etc/machine-id");
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size < MACHINE_ID_LEN)
		return 0;
	if (ftruncate(fd, 0) == -1 ||
	    write_full(fd, i->machine_id, MACHINE_ID_LEN) == -1 ||
	    write_full(fd, "\n", 1) == -1)
		return err_sys(e, "/etc/machine-id");
	return 0;
}

int
request_identity(const struct agent *a, struct conn *c, struct frame *f,
    struct err *e)
{
	struct identity i = { 0 };
	int r;

	if (records_read(fields, &i, f->data, f->len, e) == -1)
		return -1;
	/* What comes first matters most: nobody may draw the same numbers. */
	r = reseed(&i, e) == -1 || replace_machine_id(&i, e) == -1 ||
	    (i.hostname != NULL && net_identity(a->config, i.hostname,
	    i.has_mac ? i.mac : NULL, e) == -1) ? -1 : 0;
	explicit_bzero(i.seed, sizeof(i.seed));
	frame_drain(&c->in, f);
	if (r == -1)
		return -1;
	return frame_put(&c->out, AGENT_OK, NULL, 0) == -1 ?
	    err_sys(e, "identity") : 0;
}
