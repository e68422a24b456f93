/* SPDX-License-Identifier: ISC */
/* viod_scsi.c - a real viod scsi: a driver reads its disc, and lies */

#include "unit.h"
#include "drive.h"

#define BLOCK		2048U
#define BLOCKS		600U
#define QUEUE_CONTROL	0
#define QUEUE_REQUESTS	2
#define RESP		sizeof(struct virtio_scsi_resp_cmd)
#define AT_REQ		DRIVE_REQS		/* offsets into the memory */
#define AT_RESP		(DRIVE_REQS + 0x100)

static char *viod;		/* the program */
static uint8_t disc[BLOCKS * BLOCK];

static void
up(struct drive *d)
{
	const char *argv[] = { viod, "scsi", "-d", "6", "-S", d->sock, NULL };

	drive_init(d, sizeof(disc) + 100);	/* the rest is no block */
	for (size_t i = 0; i < sizeof(disc); i++)
		disc[i] = (uint8_t)(i / BLOCK * 7 + i);
	assert_int_equal(pwrite(d->fd, disc, sizeof(disc), 0), sizeof(disc));
	drive_exec(d, argv);
	drive_hello(d, VIRTIO_BIT(VIRTIO_F_VERSION_1) |
	    VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
	    VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
	for (unsigned n = 0; n < 3; n++)
		drive_start(d, n, 128);
}

/* Bytes that the device says it wrote, UINT32_MAX after a long wait. */
static uint32_t
turn(struct drive *d, unsigned q, const struct virtq_buf *b, unsigned nout,
    unsigned nin)
{
	uint32_t written;
	void *cookie;

	assert_true(virtq_driver_add(&d->q[q], b, nout, nin, d));
	drive_kick(d, q);
	while (!virtq_driver_get(&d->q[q], &cookie, &written))
		if (!drive_wait(d, q))
			return UINT32_MAX;
	return written;
}

/* A command of the drive, with room for len bytes in so many pieces. */
static struct virtio_scsi_resp_cmd
command(struct drive *d, const char *cdb, size_t n, uint32_t len,
    unsigned pieces)
{
	struct virtio_scsi_req_cmd req = { .lun = { 1, 0, 0x40, 0 } };
	struct virtio_scsi_resp_cmd resp;
	struct virtq_buf b[70] = { { DRIVE_GPA + AT_REQ, sizeof(req) },
	    { DRIVE_GPA + AT_RESP, RESP } };
	uint32_t at = DRIVE_DATA, part, left = len;

	memcpy(req.cdb, cdb, n);
	memcpy(d->mem + AT_REQ, &req, sizeof(req));
	memset(d->mem + AT_RESP, 0xee, RESP);
	for (unsigned i = 0; i < pieces; i++) {
		part = i + 1 == pieces ? left : left / (pieces - i);
		b[2 + i] = (struct virtq_buf){ DRIVE_GPA + at, part };
		at += part;
		left -= part;
	}
	assert_in_range(turn(d, QUEUE_REQUESTS, b, 1, 1 + pieces), RESP,
	    RESP + len);
	memcpy(&resp, d->mem + AT_RESP, sizeof(resp));
	return resp;
}
#define COMMAND(d, cdb, len, pieces)					\
	command(d, cdb, sizeof(cdb) - 1, len, pieces)

static void
configuration(void **state)
{
	struct virtio_scsi_config c;
	struct drive d;

	(void)state;
	up(&d);
	assert_int_equal(frontend_config(&d.fe, &c, 0, sizeof(c), NULL), 0);
	assert_int_equal(c.num_queues, 1);
	assert_int_equal(c.sense_size, 96);
	assert_int_equal(c.cdb_size, 32);
	assert_int_equal(c.max_sectors, 2048);
	assert_true(c.seg_max >= 17);		/* OpenBSD's MAXPHYS */
	assert_int_equal(c.max_lun, 0);
	drive_fini(&d);
}

static void
reading(void **state)
{
	char cdb[10] = { 0x28 };
	struct virtio_scsi_resp_cmd r;
	struct drive d;
	uint8_t *data;

	(void)state;
	up(&d);
	data = d.mem + DRIVE_DATA;
	r = COMMAND(&d, "\x25", 8, 1);
	assert_int_equal(r.response, 0);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.residual, 0);
	assert_memory_equal(data, "\0\0\x02\x57\0\0\x08\0", 8);
	for (unsigned i = 0; i < 200; i++) {
		unsigned block = i * 37 % BLOCKS, n = 1 + i % 60;

		if (block + n > BLOCKS)
			n = BLOCKS - block;
		cdb[4] = (char)(block >> 8);
		cdb[5] = (char)block;
		cdb[8] = (char)n;
		memset(data, 0xaa, n * BLOCK + 1);
		r = command(&d, cdb, sizeof(cdb), n * BLOCK, 1 + i % 64);
		assert_int_equal(r.response | r.status, 0);
		assert_memory_equal(data, disc + block * BLOCK, n * BLOCK);
		assert_int_equal(data[n * BLOCK], 0xaa);
	}
	/* The largest there is. */
	r = COMMAND(&d, "\x28\0\0\0\0\0\0\x02\0", 512 * BLOCK, 16);
	assert_int_equal(r.response | r.status, 0);
	assert_memory_equal(data, disc, 512 * BLOCK);
	drive_fini(&d);
}

static void
failures(void **state)
{
	struct virtio_scsi_resp_cmd r;
	struct drive d;

	(void)state;
	up(&d);
	/* Behind the end; sense data comes with the answer. */
	r = COMMAND(&d, "\x28\0\0\0\x02\x57\0\0\x02", 2 * BLOCK, 1);
	assert_int_equal(r.response, 0);
	assert_int_equal(r.status, 2);
	assert_int_equal(r.sense_len, 18);
	assert_int_equal(r.sense[2], 5);
	assert_int_equal(r.sense[12], 0x21);
	assert_int_equal(r.residual, 2 * BLOCK);
	/* Less room than was asked for, and more. */
	r = COMMAND(&d, "\x28\0\0\0\0\0\0\0\x02", BLOCK, 1);
	assert_int_equal(r.response, VIRTIO_SCSI_S_OVERRUN);
	r = COMMAND(&d, "\x28\0\0\0\0\0\0\0\x01", 3 * BLOCK, 2);
	assert_int_equal(r.response | r.status, 0);
	assert_int_equal(r.residual, 2 * BLOCK);
	r = COMMAND(&d, "\x28\0\0\0\0\0\0\0\x01", 0, 0);
	assert_int_equal(r.response, VIRTIO_SCSI_S_OVERRUN);
	/* The file was cut short. */
	assert_int_equal(ftruncate(d.fd, BLOCK), 0);
	r = COMMAND(&d, "\x28\0\0\0\0\x01\0\0\x01", BLOCK, 1);
	assert_int_equal(r.status, 2);
	assert_int_equal(r.sense[2], 3);
	drive_fini(&d);
}

/* Whom nobody has. */
static void
targets(void **state)
{
	static const struct {
		uint8_t	lun[8];
		uint8_t	response;
	} rows[] = {
		{ { 1, 0, 0x40, 0 }, 0 },
		{ { 1, 0, 0, 0 }, 0 },
		{ { 1, 1, 0x40, 0 }, VIRTIO_SCSI_S_BAD_TARGET },
		{ { 1, 0, 0x40, 1 }, VIRTIO_SCSI_S_BAD_TARGET },
		{ { 1, 0, 0x41, 0 }, VIRTIO_SCSI_S_BAD_TARGET },
		{ { 0xc1, 1 }, VIRTIO_SCSI_S_BAD_TARGET },
		{ { 1, 0, 0x40, 0, 1 }, VIRTIO_SCSI_S_BAD_TARGET },
	};
	const struct virtq_buf b[] = { { DRIVE_GPA + AT_REQ, 51 },
	    { DRIVE_GPA + AT_RESP, RESP } };
	struct virtio_scsi_resp_cmd r;
	struct drive d;

	(void)state;
	up(&d);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(d.mem + AT_REQ, 0, 51);
		memcpy(d.mem + AT_REQ, rows[i].lun, 8);
		assert_int_equal(turn(&d, QUEUE_REQUESTS, b, 1, 1), RESP);
		memcpy(&r, d.mem + AT_RESP, RESP);
		assert_int_equal(r.response, rows[i].response);
	}
	drive_fini(&d);
}

static void
control(void **state)
{
	const struct virtq_buf tmf[] = { { DRIVE_GPA + AT_REQ, 24 },
	    { DRIVE_GPA + AT_RESP, 1 } };
	const struct virtq_buf an[] = { { DRIVE_GPA + AT_REQ, 16 },
	    { DRIVE_GPA + AT_RESP, 5 } };
	struct virtio_scsi_ctrl_tmf t = { .type = VIRTIO_SCSI_T_TMF,
	    .subtype = 5, .lun = { 1, 0, 0x40, 0 } };
	struct drive d;

	(void)state;
	up(&d);
	memcpy(d.mem + AT_REQ, &t, sizeof(t));
	d.mem[AT_RESP] = 0xee;
	assert_int_equal(turn(&d, QUEUE_CONTROL, tmf, 1, 1), 1);
	assert_int_equal(d.mem[AT_RESP], 0);
	d.mem[AT_REQ + 9] = 3;
	assert_int_equal(turn(&d, QUEUE_CONTROL, tmf, 1, 1), 1);
	assert_int_equal(d.mem[AT_RESP], VIRTIO_SCSI_S_BAD_TARGET);
	memset(d.mem + AT_REQ, 0, 16);
	d.mem[AT_REQ] = VIRTIO_SCSI_T_AN_QUERY;
	assert_int_equal(turn(&d, QUEUE_CONTROL, an, 1, 1), 5);
	assert_memory_equal(d.mem + AT_RESP, "\0\0\0\0\0", 5);
	drive_fini(&d);
}

/* A queue with what is no request is dead, and the process lives. */
static void
lies(void **state)
{
	static const struct {
		unsigned	queue;
		uint32_t	type, out, in;
	} rows[] = {
		{ QUEUE_REQUESTS, 0, 50, RESP },
		{ QUEUE_REQUESTS, 0, 51, RESP - 1 },
		{ QUEUE_CONTROL, 3, 24, 1 },
		{ QUEUE_CONTROL, 0, 23, 1 },
		{ QUEUE_CONTROL, 1, 16, 4 },
		{ QUEUE_CONTROL, 0, 3, 1 },
	};
	struct drive d;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct virtq_buf b[] = {
			{ DRIVE_GPA + AT_REQ, rows[i].out },
			{ DRIVE_GPA + AT_RESP, rows[i].in },
		};
		struct pollfd p = { .events = POLLIN };

		up(&d);
		p.fd = d.err;
		memcpy(d.mem + AT_REQ, &rows[i].type, 4);
		assert_true(virtq_driver_add(&d.q[rows[i].queue], b, 1, 1,
		    &d));
		drive_kick(&d, rows[i].queue);
		assert_int_equal(poll(&p, 1, DRIVE_WAIT_MS), 1);
		/* The other queue is none of its business. */
		if (rows[i].queue == QUEUE_CONTROL)
			assert_int_equal(COMMAND(&d, "\x25", 8, 1).status, 0);
		drive_fini(&d);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(reading),
		cmocka_unit_test(failures),
		cmocka_unit_test(targets),
		cmocka_unit_test(control),
		cmocka_unit_test(lies),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	return unit_run("viod_scsi", tests);
}
