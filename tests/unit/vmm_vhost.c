/* SPDX-License-Identifier: ISC */
/* vmm_vhost.c - devices in other processes, as a driver meets them */

#include "unit.h"
#include "drive.h"
#include "vmm_kit.h"
#include "vmm/dev/vhost.h"
#include "vmm/memory_log.h"
#include "vmm/shadow.h"

#define DISK_BYTES	(4UL << 20)
#define GOOD	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |			\
		VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |			\
		VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) |			\
		VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE))

static char *viod;

struct world {
	struct kit		 k;
	struct drive		 d;
	struct vio		*vio;
	struct kit_driver	 drv;
	const char		*died;
};

static void
on_died(void *arg, const char *name)
{
	*(const char **)arg = name;
}

/* The kit's memory is private. */
static void
share_memory(struct kit *k)
{
	struct memory_setup s = { .bytes = KIT_MEMORY, .file = -1,
	    .shared = true };

	memory_destroy(k->board.memory);
	assert_int_equal(memory_new(&k->board.memory, &s, NULL), 0);
}

static void
exec_disk(struct world *w)
{
	const char *argv[] = { viod, "blk", "-d", "6", "-s", "serial",
	    "-S", w->d.sock, NULL };

	drive_exec(&w->d, argv);
}

static int
plug(struct world *w, enum vhost_kind kind, struct err *e)
{
	struct vhost_setup s = { .name = "dev0", .kind = kind,
	    .fd = drive_dial(&w->d), .died = on_died, .arg = &w->died,
	    .queue_len = kind == VHOST_FS ? 1024 : 0, .cid = 7,
	    .mac = "52:54:00:01:02:03", .tag = "share" };

	return vio_vhost_new(&w->vio, &w->k.board, &s, e);
}

static void
up(struct world *w, bool shared)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	kit_init(&w->k);
	if (shared)
		share_memory(&w->k);
	drive_init(&w->d, DISK_BYTES);
	exec_disk(w);
	assert_int_equal(plug(w, VHOST_BLK, &e), 0);
}

static void
down(struct world *w)
{
	vio_unplug(w->vio);
	drive_fini(&w->d);
	kit_fini(&w->k);
}

static void
drive(struct world *w)
{
	kit_driver_init(&w->drv, &w->k, 1, true);
	assert_int_equal(kit_driver_features(&w->drv, GOOD), 11);
	kit_driver_queue(&w->drv, 0, 32);
	kit_driver_ok(&w->drv);
	assert_int_equal(kit_common(&w->drv, 0x14, 1), 15);
}

/* Run the main loop until the queue has something, or the device is broken. */
static bool
get(struct world *w, unsigned q)
{
	uint32_t written;
	void *cookie;

	for (unsigned i = 0; i < DRIVE_WAIT_MS; i++) {
		kit_turn(&w->k);
		if (virtq_driver_get(&w->drv.q[q], &cookie, &written))
			return true;
		if (w->vio->broken != NULL)
			return false;
		(void)usleep(1000);
	}
	return false;
}

/* One request of 'len' bytes: its status, -1 when there is none. */
static int
request(struct world *w, uint32_t type, uint64_t sector, uint32_t len,
    uint8_t *data)
{
	uint64_t gpa = 0x200000;
	uint8_t *mem = memory_at(w->k.board.memory, gpa, 0x100000);
	struct virtio_blk_req head = { .type = type, .sector = sector };
	struct virtq_buf b[3] = { { gpa, 16 }, { gpa + 4096, len },
	    { gpa + 16, 1 } };

	memcpy(mem, &head, sizeof(head));
	mem[16] = 0xff;
	if (type == VIRTIO_BLK_T_OUT)
		memcpy(mem + 4096, data, len);
	assert_true(virtq_driver_add(&w->drv.q[0], b,
	    type == VIRTIO_BLK_T_OUT ? 2 : 1,
	    type == VIRTIO_BLK_T_OUT ? 1 : 2, mem));
	kit_kick(&w->drv, 0);
	if (!get(w, 0))
		return -1;
	if (type == VIRTIO_BLK_T_IN)
		memcpy(data, mem + 4096, len);
	return mem[16];
}

static void
check_io(struct world *w, uint8_t mark)
{
	uint8_t out[8192], in[8192];

	memset(out, mark, sizeof(out));
	memset(in, 0, sizeof(in));
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, 8, sizeof(out), out),
	    VIRTIO_BLK_S_OK);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 8, sizeof(in), in),
	    VIRTIO_BLK_S_OK);
	assert_memory_equal(in, out, sizeof(in));
}

static void
wait_interrupt(struct world *w, unsigned before)
{
	for (unsigned i = 0; i < DRIVE_WAIT_MS && kit_sent(&w->k) == before;
	    i++) {
		kit_turn(&w->k);
		(void)usleep(1000);
	}
	assert_true(kit_sent(&w->k) > before);
}

/* A request that nobody will wait for. */
static void
add_read(struct world *w)
{
	uint64_t gpa = 0x300000;
	uint8_t *mem = memory_at(w->k.board.memory, gpa, 0x10000);
	struct virtq_buf b[3] = { { gpa, 16 }, { gpa + 4096, 4096 },
	    { gpa + 16, 1 } };

	memset(mem, 0, 16);
	assert_true(virtq_driver_add(&w->drv.q[0], b, 1, 2, mem));
}

/* A driver, another after it, and how much was said. */
static void
disk(void **state)
{
	static struct world w;
	unsigned sent, waits, before;

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		up(&w, shared);
		assert_int_equal(kit_config(&w.k, 1, 2, 2), 0x1042);
		for (unsigned i = 0; i < 3; i++) {
			drive(&w);
			assert_int_equal(kit_read(&w.k, w.drv.device, 8),
			    DISK_BYTES / 512);
			before = kit_sent(&w.k);
			(void)virtq_driver_wait(&w.drv.q[0]);
			check_io(&w, (uint8_t)(i + 1));
			wait_interrupt(&w, before);
		}
		vio_vhost_messages(w.vio, &sent, &waits);
		printf("# %s: %u messages, %u waits for 3 starts\n",
		    shared ? "shared" : "copied", sent, waits);
		assert_true(waits <= 4 + 3 + 2);
		assert_null(w.vio->broken);
		assert_null(w.died);
		down(&w);
	}
}

/* The cache mode, as the driver sets it, before and after the start. */
static void
cache_mode(void **state)
{
	static struct world w;
	const unsigned at = offsetof(struct virtio_blk_config, writeback);

	(void)state;
	up(&w, true);
	drive(&w);
	assert_int_equal(kit_read(&w.k, w.drv.device + at, 1), 1);
	kit_write(&w.k, w.drv.device + at, 1, 0);
	assert_int_equal(kit_read(&w.k, w.drv.device + at, 1), 0);
	kit_write(&w.k, w.drv.device, 4, 1);	/* not writable */
	kit_write(&w.k, w.drv.device + at - 1, 2, 0xffff);
	assert_int_equal(kit_read(&w.k, w.drv.device, 8), DISK_BYTES / 512);
	check_io(&w, 9);
	drive(&w);
	assert_int_equal(kit_read(&w.k, w.drv.device + at, 1), 1);
	check_io(&w, 10);
	down(&w);
}

/* A queue that begins anew, again and again, while the device runs. */
static void
ring_reset(void **state)
{
	static struct world w;

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		up(&w, shared);
		kit_driver_init(&w.drv, &w.k, 1, true);
		assert_int_equal(kit_driver_features(&w.drv, GOOD |
		    VIRTIO_BIT(VIRTIO_F_RING_RESET)), 11);
		kit_driver_queue(&w.drv, 0, 32);
		kit_driver_ok(&w.drv);
		for (uint8_t i = 1; i <= 8; i++) {
			check_io(&w, i);
			kit_common_set(&w.drv, 0x16, 2, 0);
			kit_common_set(&w.drv, 0x3a, 2, 1);
			assert_int_equal(kit_common(&w.drv, 0x1c, 2), 0);
			w.drv.next = 0x10000;
			kit_driver_queue(&w.drv, 0, i % 2 ? 64 : 16);
			assert_int_equal(kit_common(&w.drv, 0x1c, 2), 1);
		}
		/* With requests in it that are not answered yet. */
		add_read(&w);
		kit_kick(&w.drv, 0);
		kit_common_set(&w.drv, 0x3a, 2, 1);
		w.drv.next = 0x10000;
		kit_driver_queue(&w.drv, 0, 32);
		check_io(&w, 9);
		assert_null(w.vio->broken);
		assert_null(w.died);
		/* Its process gone meanwhile: broken, and nothing worse. */
		kit_common_set(&w.drv, 0x3a, 2, 1);
		drive_kill(&w.d, SIGKILL);
		kit_driver_queue(&w.drv, 0, 32);
		kit_turn(&w.k);
		assert_int_equal(kit_common(&w.drv, 0x1c, 2), 0);
		assert_string_equal(w.died, "dev0");
		down(&w);
	}
}

/* A guest that breaks a queue: broken, until its driver resets. */
static void
bad_driver(void **state)
{
	static struct world w;
	struct virtq_buf b = { 0x7fffffff0000, 16 };

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		up(&w, shared);
		drive(&w);
		assert_true(virtq_driver_add(&w.drv.q[0], &b, 1, 0, &w));
		kit_kick(&w.drv, 0);
		assert_false(get(&w, 0));
		assert_non_null(w.vio->broken);
		assert_int_equal(kit_common(&w.drv, 0x14, 1), 15 | 64);
		drive(&w);
		check_io(&w, 3);
		down(&w);
	}
}

/* The process dies: told once, the device broken, the driver answered. */
static void
death(void **state)
{
	static struct world w;

	(void)state;
	for (int i = 0; i < 4; i++) {
		up(&w, i & 1);
		drive(&w);
		check_io(&w, 1);
		drive_kill(&w.d, SIGKILL);
		/* Seen by a driver that starts, or by the main loop. */
		if (i & 2) {
			kit_driver_init(&w.drv, &w.k, 1, true);
			(void)kit_driver_features(&w.drv, GOOD);
			kit_driver_queue(&w.drv, 0, 32);
			kit_driver_ok(&w.drv);
			assert_true(kit_common(&w.drv, 0x14, 1) & 64);
		}
		kit_turn(&w.k);
		assert_string_equal(w.died, "dev0");
		assert_non_null(w.vio->broken);
		w.died = NULL;
		kit_turn(&w.k);
		assert_null(w.died);
		down(&w);
	}
}

/* Pause, and go on in another process with another back-end. */
static void
snapshot(void **state)
{
	static struct world w;
	json_t *saved;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		up(&w, i & 1);
		drive(&w);
		check_io(&w, 5);
		kit_write(&w.k, w.drv.device + 32, 1, 0);
		vio_pause(w.vio);
		saved = vio_save(w.vio);
		assert_non_null(saved);
		if (i & 2) {		/* in place */
			assert_int_equal(vio_resume(w.vio, &e), 0);
			check_io(&w, 6);
		}
		vio_unplug(w.vio);
		drive_kill(&w.d, SIGTERM);
		if (i & 2) {
			json_decref(saved);
			drive_fini(&w.d);
			kit_fini(&w.k);
			continue;
		}
		if (i & 4)		/* another disk */
			assert_int_equal(ftruncate(w.d.fd, 512), 0);
		exec_disk(&w);
		assert_int_equal(plug(&w, VHOST_BLK, &e), 0);
		assert_int_equal(vio_load(w.vio, saved, &e), i & 4 ? -1 : 0);
		json_decref(saved);
		if (!(i & 4)) {
			assert_int_equal(kit_read(&w.k, w.drv.device + 32,
			    1), 0);
			assert_int_equal(vio_resume(w.vio, &e), 0);
			check_io(&w, 7);
		}
		down(&w);
	}
}

/* --- a log of what is written --------------------------------------------- */

static bool
written(struct memory_log *log, uint64_t gpa)
{
	uint64_t pages[KIT_MEMORY / 4096 / 64] = { 0 };

	assert_int_equal(memory_log_take(log, pages, NULL), 0);
	return (pages[gpa >> 18] & 1ULL << (gpa >> 12 & 63)) != 0;
}

/* In a device that runs, and in one that a driver starts meanwhile. */
static void
logged(void **state)
{
	struct memory_log *log = NULL;
	static struct world w;
	struct err e;

	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		up(&w, shared);
		drive(&w);
		check_io(&w, 1);
		for (uint8_t i = 2; i < 5; i++) {
			assert_int_equal(memory_log_new(&log,
			    w.k.board.memory, &kit_accel, &w.k.vm, &e), 0);
			assert_int_equal(w.vio->class->log(w.vio, &e), 0);
			(void)written(log, 0);
			check_io(&w, i);
			assert_true(written(log, 0x202fff));
			assert_false(written(log, 0x202fff));
			drive(&w);
			check_io(&w, i);
			assert_true(written(log, 0x201000));
			/* The last requests are marked when it has stopped. */
			add_read(&w);
			kit_kick(&w.drv, 0);
			vio_pause(w.vio);
			assert_int_equal(vio_resume(w.vio, &e), 0);
			assert_true(get(&w, 0));
			assert_true(written(log, 0x301000));
			memory_log_destroy(log);
			assert_int_equal(w.vio->class->log(w.vio, &e), 0);
			check_io(&w, i);
		}
		assert_null(w.vio->broken);
		assert_null(w.died);
		down(&w);
	}
}

/* --- other kinds ---------------------------------------------------------- */

static void
up_vsock(struct world *w, int listener)
{
	const char *argv[] = { viod, "vsock", "-c", "7", "-l", "6", "-d", "6",
	    "-S", w->d.sock, NULL };
	int fd = w->d.fd;

	w->d.fd = listener;
	drive_exec(&w->d, argv);
	w->d.fd = fd;
}

/* Buffers for what comes in, which a back-end keeps. */
static void
add_buffers(struct world *w)
{
	for (uint64_t i = 0; i < 16; i++) {
		struct virtq_buf b = { 0x310000 + i * 4096, 4096 };

		assert_true(virtq_driver_add(&w->drv.q[0], &b, 0, 1, w));
	}
	kit_kick(&w->drv, 0);
}

static void
drive_vsock(struct world *w)
{
	kit_driver_init(&w->drv, &w->k, 1, true);
	assert_int_equal(kit_driver_features(&w->drv,
	    VIRTIO_BIT(VIRTIO_F_VERSION_1) |
	    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)), 11);
	for (unsigned q = 0; q < 3; q++)
		kit_driver_queue(&w->drv, q, 32);
	kit_driver_ok(&w->drv);
	assert_int_equal(kit_common(&w->drv, 0x14, 1), 15);
	add_buffers(w);
}

/* The same memory, shared from now on; the driver does not notice. */
static void
change_memory(struct world *w)
{
	uint8_t *copy = malloc(KIT_MEMORY), *old, *now;

	assert_non_null(copy);
	old = memory_at(w->k.board.memory, 0, KIT_MEMORY);
	memcpy(copy, old, KIT_MEMORY);
	share_memory(&w->k);
	now = memory_at(w->k.board.memory, 0, KIT_MEMORY);
	memcpy(now, copy, KIT_MEMORY);
	for (unsigned i = 0; i < 3; i++) {
		struct virtq_driver *q = &w->drv.q[i];

		q->desc = (void *)(now + ((uint8_t *)q->desc - old));
		q->avail = (void *)(now + ((uint8_t *)q->avail - old));
		q->used = (void *)(now + ((uint8_t *)q->used - old));
	}
	free(copy);
}

/* After a restore the driver learns that its connections are gone. */
static void
vsock(void **state)
{
	static struct world w;
	json_t *saved;
	struct err e;
	uint32_t written;
	void *cookie;
	char path[128];
	int listener;

	(void)state;
	/* Copied, shared, and the one that becomes the other. */
	for (int how = 0; how < 3; how++) {
		struct virtq_buf b = { 0x300000, 8 };

		memset(&w, 0, sizeof(w));
		kit_init(&w.k);
		if (how == 1)
			share_memory(&w.k);
		drive_init(&w.d, 512);
		snprintf(path, sizeof(path), "%s/vsock", w.d.dir);
		listener = os_unix_listen(AT_FDCWD, path, 0600, 1, &e);
		assert_true(listener != -1);
		up_vsock(&w, listener);
		assert_int_equal(plug(&w, VHOST_VSOCK, &e), 0);
		/* Of the first driver nothing is left to the second. */
		drive_vsock(&w);
		kit_turn(&w.k);
		drive_vsock(&w);
		kit_turn(&w.k);
		assert_null(w.vio->broken);
		assert_int_equal(kit_read(&w.k, w.drv.device, 8), 7);
		assert_true(virtq_driver_add(&w.drv.q[2], &b, 0, 1, &w));
		kit_kick(&w.drv, 2);
		assert_false(virtq_driver_get(&w.drv.q[2], &cookie,
		    &written));
		vio_pause(w.vio);
		saved = vio_save(w.vio);
		vio_unplug(w.vio);
		drive_kill(&w.d, SIGTERM);
		if (how == 2)
			change_memory(&w);
		up_vsock(&w, listener);
		assert_int_equal(plug(&w, VHOST_VSOCK, &e), 0);
		assert_int_equal(vio_load(w.vio, saved, &e), 0);
		json_decref(saved);
		memset(memory_at(w.k.board.memory, 0x300000, 8), 0xff, 8);
		assert_int_equal(vio_resume(w.vio, &e), 0);
		assert_true(get(&w, 2));
		assert_int_equal(*(uint32_t *)memory_at(w.k.board.memory,
		    0x300000, 4), VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
		assert_null(w.vio->broken);
		close(listener);
		unlink(path);
		down(&w);
	}
}

/* --- a back-end that lies ------------------------------------------------- */

/* A child that accepts a connection and answers with these bytes. */
static void
exec_liar(struct drive *d, const void *bytes, size_t len)
{
	struct err e;
	int s, c;
	char bin[64];

	d->viod = fork();
	assert_true(d->viod != -1);
	if (d->viod != 0)
		return;
	s = os_unix_listen(AT_FDCWD, d->sock, 0600, 1, &e);
	c = accept(s, NULL, NULL);
	if (c == -1 || write(c, bytes, len) == -1 || shutdown(c, SHUT_WR) == -1)
		_exit(1);
	/* What it is asked does not matter. */
	while (read(c, bin, sizeof(bin)) > 0 && len != 0)
		;
	_exit(0);
}

/* Words of 32 bits: request, flags, size, value. */
#define FEATURES(low, high)	1, 5, 8, (low), (high)
#define PROTOCOL(low)		15, 5, 8, (low), 0
#define QUEUES(n)		17, 5, 8, (n), 0

static void
liars(void **state)
{
	static const struct {
		enum vhost_kind	kind;
		unsigned	n;
		uint32_t	words[32];
	} lie[] = {
		{ VHOST_BLK, 0, { 0 } },			/* hangs up */
		{ VHOST_BLK, 3, { 1, 5, 1000 } },		/* too large */
		{ VHOST_BLK, 3, { 1, 6, 8 } },			/* version */
		{ VHOST_BLK, 5, { 1, 1, 8, 0, 0 } },		/* no reply */
		{ VHOST_BLK, 5, { 2, 5, 8, 0, 0 } },		/* another */
		{ VHOST_BLK, 4, { 1, 5, 4, 0 } },		/* short */
		{ VHOST_BLK, 5, { FEATURES(0, 0) } },		/* legacy */
		{ VHOST_BLK, 5, { FEATURES(0, 1) } },		/* no config */
		{ VHOST_BLK, 10, { FEATURES(1U << 30, 1), PROTOCOL(1 << 9) } },
		/* Config space of another length than was asked for. */
		{ VHOST_BLK, 17, { FEATURES(1U << 30, 1), PROTOCOL(1 << 9),
		    24, 5, 16, 0, 4, 0, 0 } },
		{ VHOST_BLK, 15, { FEATURES(1U << 30, 1),
		    PROTOCOL(1 << 9 | 1), QUEUES(0) } },
		{ VHOST_NET, 15, { FEATURES(1U << 30, 1),
		    PROTOCOL(1 << 9 | 1), QUEUES(UINT32_MAX) } },
	};
	static struct world w;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
		memset(&w, 0, sizeof(w));
		kit_init(&w.k);
		drive_init(&w.d, 512);
		exec_liar(&w.d, lie[i].words, lie[i].n * 4);
		e.text[0] = '\0';
		/* The child reads what we send until we hang up. */
		assert_int_equal(plug(&w, lie[i].kind, &e), -1);
		assert_int_equal(strncmp(e.text, "dev0: ", 6), 0);
		drive_kill(&w.d, SIGTERM);
		drive_fini(&w.d);
		kit_fini(&w.k);
	}
}

/* --- a back-end whose disk grows ------------------------------------------ */

/* One message and its descriptor, which may be a socket here. */
static ssize_t
fake_recv(int s, struct vhost_user_msg *m, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	uint32_t header[3];
	struct iovec iov = { header, sizeof(header) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s, &mh, 0);

	if (n != sizeof(header))
		return -1;
	vhost_user_init(m, header[0], header[2]);
	m->flags = header[1];
	if (mh.msg_controllen > 0)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(*fd));
	return m->size == 0 ? 0 : recv(s, m->u.bytes, m->size, MSG_WAITALL);
}

static void
exec_growing(struct drive *d)
{
	struct vhost_user_msg m;
	uint64_t sectors = 100;
	int s, fd = -1;

	d->viod = fork();
	assert_true(d->viod != -1);
	if (d->viod != 0)
		return;
	s = accept(os_unix_listen(AT_FDCWD, d->sock, 0600, 1, NULL), NULL,
	    NULL);
	while (fake_recv(s, &m, &fd) != -1) {
		m.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
		if (m.request == VHOST_USER_GET_FEATURES)
			m.u.u64 = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			    VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
		else if (m.request == VHOST_USER_GET_PROTOCOL_FEATURES)
			m.u.u64 = VIRTIO_BIT(
			    VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
		else if (m.request == VHOST_USER_GET_CONFIG) {
			/* The capacity is the first member. */
			memcpy(m.u.config.bytes, &sectors, sizeof(sectors));
			sectors++;
		} else if (m.request == VHOST_USER_SET_BACKEND_REQ_FD) {
			vhost_user_init(&m, 0, 0);
			m.request = VHOST_USER_BACKEND_CONFIG_CHANGE;
			m.flags |= VHOST_USER_NEED_REPLY;
			(void)vhost_user_send(fd, &m, NULL);
			m.request = 99;		/* refused, and no harm */
			(void)vhost_user_send(fd, &m, NULL);
			continue;
		} else
			continue;
		if (m.request != VHOST_USER_GET_CONFIG)
			m.size = 8;
		(void)vhost_user_send(s, &m, NULL);
	}
	_exit(0);
}

static void
growing(void **state)
{
	static struct world w;
	struct err e;

	(void)state;
	memset(&w, 0, sizeof(w));
	kit_init(&w.k);
	drive_init(&w.d, 512);
	exec_growing(&w.d);
	assert_int_equal(plug(&w, VHOST_BLK, &e), 0);
	kit_driver_init(&w.drv, &w.k, 1, true);
	for (unsigned i = 0; i < DRIVE_WAIT_MS && kit_read(&w.k,
	    w.drv.device, 8) != 101; i++) {
		kit_turn(&w.k);
		(void)usleep(1000);
	}
	assert_int_equal(kit_read(&w.k, w.drv.device, 8), 101);
	kit_turn(&w.k);
	assert_null(w.vio->broken);
	down(&w);
}

/* What a share is called is said here; no snapshot can have it. */
static void
share(void **state)
{
	static struct world w;
	struct err e;

	(void)state;
	memset(&w, 0, sizeof(w));
	kit_init(&w.k);
	drive_init(&w.d, 512);
	exec_growing(&w.d);
	assert_int_equal(plug(&w, VHOST_FS, &e), 0);
	kit_driver_init(&w.drv, &w.k, 1, true);
	assert_int_equal(kit_config(&w.k, 1, 2, 2), 0x105a);
	assert_int_equal(kit_read(&w.k, w.drv.device, 4), 0x72616873);
	assert_int_equal(kit_read(&w.k, w.drv.device + 36, 4), 1);
	assert_int_equal(kit_common(&w.drv, 0x12, 2), 2);
	/* Longer than the queue is no request, and copies have a limit. */
	assert_int_equal(kit_common(&w.drv, 0x18, 2), SHADOW_PIECES_MAX);
	assert_non_null(w.vio->class->unsaved);
	down(&w);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk),
		cmocka_unit_test(cache_mode),
		cmocka_unit_test(ring_reset),
		cmocka_unit_test(bad_driver),
		cmocka_unit_test(death),
		cmocka_unit_test(snapshot),
		cmocka_unit_test(logged),
		cmocka_unit_test(vsock),
		cmocka_unit_test(liars),
		cmocka_unit_test(growing),
		cmocka_unit_test(share),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	(void)signal(SIGPIPE, SIG_IGN);		/* as vmm does */
	return unit_run("vmm_vhost", tests);
}
