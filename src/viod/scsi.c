/* SPDX-License-Identifier: ISC */
/*
 * scsi.c - virtio SCSI host with a CD drive (virtio 1.2, section 5.6)
 *
 * Target 0 has the drive as its unit 0, and is all there is.  A command is
 * answered before the next one is looked at: blocks are read into the
 * guest's memory at once, a MiB at most, and a drive whose disc is slow has
 * nothing else to do meanwhile.  Nothing happens by itself, so that no event
 * is ever told.
 *
 * Process: viod.  Sandbox: the disc's descriptor, guest memory.
 * Needs: preadv(2).
 */

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "os/os.h"
#include "viod/cdrom.h"
#include "viod/scsi.h"

enum {
	QUEUE_CONTROL,
	QUEUE_EVENTS,
	QUEUE_REQUESTS,
	QUEUES
};

#define SEG_MAX		126	/* data pieces of a request */
#define SECTORS_MAX	(CDROM_READ_MAX * CDROM_BLOCK / 512)
#define ROUNDS_MAX	16	/* of one queue before others have a turn */

_Static_assert(SEG_MAX + 2 <= VIRTQ_IOV_MAX, "command and answer fit");
_Static_assert(CDROM_CDB_BYTES == VIRTIO_SCSI_CDB_BYTES, "a command");
_Static_assert(CDROM_SENSE_BYTES <= VIRTIO_SCSI_SENSE_BYTES, "sense data");

struct scsi {
	struct viod			 viod;	/* first: we are handed it */
	int				 fd;
	uint64_t			 blocks;
	uint64_t			 ops, bytes;	/* read */
	struct virtio_scsi_config	 config;
};

/* Section 5.6.6.1.1: one level, target and unit. */
static bool
is_drive(const uint8_t lun[8])
{
	static const uint8_t flat[8] = { 1, 0, 0x40, 0 };
	static const uint8_t plain[8] = { 1, 0, 0, 0 };

	return memcmp(lun, flat, 8) == 0 || memcmp(lun, plain, 8) == 0;
}

/* --- commands ------------------------------------------------------------- */

/* The pieces that data of a command goes to; bytes of them. */
static uint64_t
data_room(const struct virtq_chain *c)
{
	return c->in_len - sizeof(struct virtio_scsi_resp_cmd);
}

/* len bytes of the pieces behind the first 'skip' of those to be written. */
static unsigned
slice(struct iovec *ret, const struct virtq_chain *c, uint64_t skip,
    uint64_t len)
{
	unsigned n = 0;

	for (unsigned i = c->nout; i < c->nout + c->nin && len > 0; i++) {
		struct iovec v = c->iov[i];
		uint64_t past = MIN(skip, v.iov_len);

		skip -= past;
		v.iov_base = (uint8_t *)v.iov_base + past;
		v.iov_len = MIN(v.iov_len - past, len);
		len -= v.iov_len;
		if (v.iov_len > 0)
			ret[n++] = v;
	}
	return n;
}

/* Blocks into the guest's memory, from byte 'from' of them on. */
static int
read_some(struct scsi *s, const struct virtq_chain *c, uint64_t offset,
    uint64_t len)
{
	struct iovec iov[VIRTQ_IOV_MAX];
	uint64_t done = 0;
	ssize_t n;

	while (done < len) {
		n = preadv(s->fd, iov, (int)slice(iov, c,
		    sizeof(struct virtio_scsi_resp_cmd) + done, len - done),
		    (off_t)(offset + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;	/* the file was cut short */
		if (n <= 0)
			return -1;
		done += (uint64_t)n;
	}
	return 0;
}

/* Carry out what the drive answered; bytes of data. */
static uint64_t
transfer(struct scsi *s, const struct virtq_chain *c, struct cdrom_answer *a)
{
	uint64_t len = MIN((uint64_t)a->nblocks * CDROM_BLOCK, data_room(c));

	if (a->nblocks == 0)
		return virtq_copy_in(c, sizeof(struct virtio_scsi_resp_cmd),
		    a->data, a->len);
	if (read_some(s, c, a->block * CDROM_BLOCK, len) == -1) {
		log_limited(&s->viod.complaints, "scsi: block %llu: %s",
		    (unsigned long long)a->block, strerror(errno));
		cdrom_unreadable(a);
		return 0;
	}
	s->ops++;
	s->bytes += len;
	return len;
}

static void
command(struct scsi *s, const struct virtq_chain *c,
    const struct virtio_scsi_req_cmd *req)
{
	struct virtio_scsi_resp_cmd resp = { .sense_len = 0 };
	struct cdrom_answer a;
	uint64_t len = 0, wanted;

	if (!is_drive(req->lun)) {
		resp.response = VIRTIO_SCSI_S_BAD_TARGET;
	} else {
		cdrom_answer(&a, s->blocks, req->cdb);
		wanted = (uint64_t)a.nblocks * CDROM_BLOCK;
		len = transfer(s, c, &a);
		if (a.status == CDROM_CHECK) {
			resp.sense_len = sizeof(a.sense);
			memcpy(resp.sense, a.sense, sizeof(a.sense));
		} else if (wanted > len)
			resp.response = VIRTIO_SCSI_S_OVERRUN;
		resp.status = a.status;
	}
	resp.residual = (uint32_t)(data_room(c) - len);
	(void)virtq_copy_in(c, 0, &resp, sizeof(resp));
	viod_push(&s->viod, QUEUE_REQUESTS, c->head,
	    (uint32_t)(sizeof(resp) + len));
}

static void
serve_request(struct scsi *s, const struct virtq_chain *c)
{
	struct virtio_scsi_req_cmd req;

	if (virtq_copy_out(c, 0, &req, sizeof(req)) != sizeof(req) ||
	    c->in_len < sizeof(struct virtio_scsi_resp_cmd))
		viod_broken(&s->viod, QUEUE_REQUESTS,
		    "command without header or answer");
	else
		command(s, c, &req);
}

/* --- the control queue ---------------------------------------------------- */

/* Commands are done as soon as they are there: none is left to abort. */
static void
serve_control(struct scsi *s, const struct virtq_chain *c)
{
	struct virtio_scsi_ctrl_tmf tmf;
	struct virtio_scsi_ctrl_an an;
	uint8_t answer[5] = { 0 };
	uint32_t type, len;

	if (virtq_copy_out(c, 0, &type, sizeof(type)) != sizeof(type))
		type = UINT32_MAX;
	if (type == VIRTIO_SCSI_T_TMF && virtq_copy_out(c, 0, &tmf,
	    sizeof(tmf)) == sizeof(tmf) && c->in_len >= 1) {
		if (!is_drive(tmf.lun))
			answer[0] = VIRTIO_SCSI_S_BAD_TARGET;
		len = 1;
	} else if ((type == VIRTIO_SCSI_T_AN_QUERY ||
	    type == VIRTIO_SCSI_T_AN_SUBSCRIBE) && virtq_copy_out(c, 0, &an,
	    sizeof(an)) == sizeof(an) && c->in_len >= sizeof(answer)) {
		len = sizeof(answer);	/* no event of those asked for */
	} else {
		viod_broken(&s->viod, QUEUE_CONTROL,
		    "not a request of the control queue");
		return;
	}
	(void)virtq_copy_in(c, 0, answer, len);
	viod_push(&s->viod, QUEUE_CONTROL, c->head, len);
}

static void
scsi_notify(struct viod *v, unsigned queue)
{
	struct scsi *s = (struct scsi *)v;
	struct virtq_chain c;

	/* What waits there is for events. */
	if (queue == QUEUE_EVENTS)
		return;
	for (unsigned n = 0; n < ROUNDS_MAX; n++) {
		viod_notify_off(v, queue);
		for (unsigned i = 0; i < VIRTQ_LEN_MAX &&
		    viod_pop(v, queue, &c); i++) {
			if (queue == QUEUE_REQUESTS)
				serve_request(s, &c);
			else
				serve_control(s, &c);
			viod_flush(v, queue);
		}
		if (!viod_notify_on(v, queue))
			return;
	}
	viod_again(v, queue);
}

/* --- config space and life ------------------------------------------------ */

static const void *
scsi_config(struct viod *v, size_t *len)
{
	const struct scsi *s = (const struct scsi *)v;

	*len = sizeof(s->config);
	return &s->config;
}

static void
scsi_counters(const struct viod *v, char *text, size_t size)
{
	const struct scsi *s = (const struct scsi *)v;

	(void)snprintf(text, size, "read_bytes %llu read_ops %llu "
	    "write_bytes 0 write_ops 0", (unsigned long long)s->bytes,
	    (unsigned long long)s->ops);
}

static const struct viod_class scsi_class = {
	.name		= "scsi",
	.id		= VIRTIO_ID_SCSI,
	.config		= scsi_config,
	.notify		= scsi_notify,
	.counters	= scsi_counters,
};

static int
examine(struct scsi *s, struct err *e)
{
	struct stat st;
	off_t size;

	if (fstat(s->fd, &st) == -1)
		return err_sys(e, "CD-ROM descriptor %d", s->fd);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL,
		    "CD-ROM is neither a file nor a block device");
	size = lseek(s->fd, 0, SEEK_END);
	if (size == -1)
		return err_sys(e, "size of the CD-ROM");
	if (size < (off_t)CDROM_BLOCK)
		return err_set(e, EINVAL, "CD-ROM of %lld bytes is too small",
		    (long long)size);
	s->blocks = (uint64_t)size / CDROM_BLOCK;
	return os_lock_image(s->fd, false, e);
}

void
scsi_destroy(struct viod *v)
{
	struct scsi *s = (struct scsi *)v;

	if (s == NULL)
		return;
	viod_fini(v);
	os_unlock_image(s->fd);
	free(s);
}

int
scsi_new(struct viod **ret, struct event_loop *loop, int fd, struct err *e)
{
	OWN(scsi_destroy) struct viod *made = NULL;
	struct scsi *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_sys(e, "scsi");
	s->fd = fd;
	made = &s->viod;
	if (viod_init(made, &scsi_class, loop, QUEUES, 0, e) == -1 ||
	    examine(s, e) == -1)
		return -1;
	s->config = (struct virtio_scsi_config){
		.num_queues = 1,
		.seg_max = SEG_MAX,
		.max_sectors = SECTORS_MAX,
		.cmd_per_lun = 64,
		.event_info_size = VIRTIO_SCSI_EVENT_BYTES,
		.sense_size = VIRTIO_SCSI_SENSE_BYTES,
		.cdb_size = VIRTIO_SCSI_CDB_BYTES,
		/* The last is the host's own, as some drivers have it. */
		.max_target = 1,
	};
	*ret = take(&made);
	return 0;
}
