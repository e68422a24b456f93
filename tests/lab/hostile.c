/* SPDX-License-Identifier: ISC */
/*
 * hostile.c - a guest that throws random bytes at its machine; pid 1
 *
 * Every PCI device but the bridge, the console and the last disk is a
 * victim: its driver is taken off, and configuration space, MSI-X table,
 * registers, doorbells and queues get nonsense, most of it nearly right.
 * So do the board's ports.  The guest spares itself: what it gives away to
 * be written to is its own scratch memory, or no memory at all.
 *
 * Modules of /vmd/modules are loaded first, as vminit does: Debian's kernel
 * has its virtio drivers there.
 *
 * Kernel command line: hostile=SECONDS,SEED.  At the end the console and the
 * last disk must work as before: "hostile: survived N" is the last line.
 */

#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VICTIMS_MAX	32
#define SCRATCH_PAGES	64
#define PAGE		4096
#define QUEUE_LEN	64

/* Numbers of PCI devices: modern, and for old drivers too. */
#define IS_CONSOLE(id)	((id) == 0x1043 || (id) == 0x1003)
#define IS_DISK(id)	((id) == 0x1042 || (id) == 0x1001)
#define BAR_MSIX	1
#define BAR_MODERN	2

struct victim {
	char			 name[16];	/* "0000:00:01.0" */
	unsigned		 device;
	int			 config;
	uint8_t			 saved[256];
	volatile uint8_t	*msix, *modern;
	unsigned		 queues;
};

static struct victim victims[VICTIMS_MAX];
static unsigned nvictims;
static uint8_t *scratch;
static uint64_t physical[SCRATCH_PAGES];
static uint64_t state;

static uint32_t
rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static uint64_t
rnd64(void)
{
	return (uint64_t)rnd(UINT32_MAX) << 32 | rnd(UINT32_MAX);
}

/* Somewhere in the scratch memory, or where none is. */
static uint64_t
address(void)
{
	uint64_t own = physical[rnd(SCRATCH_PAGES)];

	switch (rnd(12)) {
	case 0:
		return own | rnd(PAGE);
	case 1:
		return 0xc0000000 + rnd(0x2fffffff);	/* windows, ECAM */
	case 2:
		return 0xfec00000 + rnd(0x400000);
	case 3:
		return UINT64_MAX - rnd(PAGE);
	case 4:
		return (1ULL << (32 + rnd(32))) + rnd(PAGE);
	default:
		return own | (rnd(PAGE) & ~15U);
	}
}

/* Bytes from an address of address() on, that stay in its page. */
static uint32_t
length(uint64_t addr)
{
	if (addr >= 0xc0000000 && rnd(2) == 0)
		return rnd(4) == 0 ? UINT32_MAX : rnd(1 << 20);
	return rnd(8) == 0 ? 0 : rnd((uint32_t)(PAGE - addr % PAGE)) + 1;
}

static uint32_t
value(void)
{
	static const uint32_t some[] = {
		0, 1, 0xff, 0xffff, 0xffffffff, 0x80000000, 0x8000, 15, 2, 64,
	};

	return rnd(3) == 0 ? some[rnd(10)] : rnd(UINT32_MAX);
}

/* --- finding the victims ------------------------------------------------ */

static int
open_of(const char *device, const char *file, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device,
	    file);
	return open(path, flags | O_CLOEXEC);
}

static volatile uint8_t *
window(const char *device, unsigned bar, size_t len)
{
	char file[16];
	int fd;
	void *p;

	snprintf(file, sizeof(file), "resource%u", bar);
	fd = open_of(device, file, O_RDWR);
	if (fd == -1)
		return NULL;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void
take_driver(const char *device)
{
	int fd = open_of(device, "driver/unbind", O_WRONLY);

	if (fd == -1)
		return;
	(void)!write(fd, device, strlen(device));
	(void)close(fd);
}

static void
add_victim(const char *name)
{
	struct victim *v = &victims[nvictims];

	snprintf(v->name, sizeof(v->name), "%s", name);
	take_driver(name);
	v->config = open_of(name, "config", O_RDWR);
	if (v->config == -1 || pread(v->config, v->saved, 256, 0) != 256)
		return;
	v->saved[4] |= 7;
	(void)!pwrite(v->config, v->saved + 4, 2, 4);
	v->msix = window(name, BAR_MSIX, PAGE);
	v->modern = window(name, BAR_MODERN, 4 * PAGE);
	if (v->msix == NULL || v->modern == NULL)
		return;
	memcpy(&v->device, v->saved + 2, 2);
	v->queues = v->modern[0x12];
	printf("hostile: %s, device %04x, %u queues\n", v->name, v->device,
	    v->queues);
	nvictims++;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
find_victims(void)
{
	char *name[64], last_disk[16] = "";
	uint16_t id[64][2];
	unsigned n = 0;
	struct dirent *e;
	DIR *d = opendir("/sys/bus/pci/devices");

	while (d != NULL && n < 64 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			name[n++] = strdup(e->d_name);
	qsort(name, n, sizeof(name[0]), by_name);
	for (unsigned i = 0; i < n; i++) {
		int fd = open_of(name[i], "config", O_RDONLY);

		id[i][0] = id[i][1] = 0;
		(void)!pread(fd, id[i], 4, 0);
		(void)close(fd);
		if (IS_DISK(id[i][1]))
			snprintf(last_disk, sizeof(last_disk), "%s", name[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (id[i][0] == 0x1af4 && !IS_CONSOLE(id[i][1]) &&
		    strcmp(name[i], last_disk) != 0 && nvictims < VICTIMS_MAX)
			add_victim(name[i]);
}

static int
make_scratch(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	scratch = mmap(NULL, SCRATCH_PAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	if (fd == -1 || scratch == MAP_FAILED)
		return -1;
	for (unsigned i = 0; i < SCRATCH_PAGES; i++) {
		memset(scratch + i * PAGE, 1, PAGE);
		if (pread(fd, &entry, 8, (off_t)((uintptr_t)(scratch +
		    i * PAGE) / PAGE * 8)) != 8 || !(entry >> 63))
			return -1;
		physical[i] = (entry & ((1ULL << 55) - 1)) * PAGE;
		if (physical[i] == 0)
			return -1;
	}
	(void)close(fd);
	return 0;
}

/* --- attacks ------------------------------------------------------------ */

static void
store(volatile uint8_t *at, unsigned len, uint64_t v)
{
	if (len == 1)
		*at = (uint8_t)v;
	else if (len == 2)
		*(volatile uint16_t *)(volatile void *)at = (uint16_t)v;
	else if (len == 4)
		*(volatile uint32_t *)(volatile void *)at = (uint32_t)v;
	else
		*(volatile uint64_t *)(volatile void *)at = v;
}

static void
config_space(struct victim *v)
{
	uint32_t x = value();
	unsigned len = 1U << rnd(3), at = rnd(256) & ~(len - 1);

	if (rnd(3) == 0) {
		(void)!pread(v->config, &x, len, at);
		return;
	}
	(void)!pwrite(v->config, &x, len, at);
	/* Windows are put back most times, or nothing more is hit. */
	if (rnd(4) != 0) {
		(void)!pwrite(v->config, v->saved + 0x10, 24, 0x10);
		(void)!pwrite(v->config, v->saved + 4, 2, 4);
	}
}

/* Messages that would reset or stop this processor are not sent. */
static void
msix_table(struct victim *v)
{
	unsigned entry = rnd(v->queues + 2), word = rnd(4);
	uint32_t x = value();
	uint16_t control = (uint16_t)(rnd(4) << 14);

	if (word == 0)
		x = rnd(8) == 0 ? x | 0xf0000000 : 0xfee00000 | (x & 0xff0);
	if (word == 1 && rnd(8) != 0)
		x = 0;
	if (word == 2)
		x = 0x30 + x % 0xb0;
	store(v->msix + entry * 16 + word * 4, 4, x);
	if (rnd(8) == 0)
		store(v->msix + 0x800 + rnd(16), 1U << rnd(3), rnd64());
	(void)v->msix[rnd(PAGE)];
	if (rnd(8) == 0)
		(void)!pwrite(v->config, &control, 2, 0x42);
}

static void
registers(struct victim *v)
{
	unsigned len = 1U << rnd(4), at = rnd(0x40) & ~(len - 1);
	uint64_t x = rnd(4) == 0 ? address() : value();

	if (rnd(3) == 0)
		(void)v->modern[rnd(4 * PAGE)];
	else
		store(v->modern + at, len, x);
	if (rnd(8) == 0)
		store(v->modern + 2 * PAGE + (rnd(64) & ~(len - 1)), len, x);
	if (rnd(8) == 0)
		(void)v->modern[PAGE];
}

/* A page with the three parts of a queue, nearly right. */
static void
fill_queue(uint8_t *q)
{
	uint16_t *avail = (uint16_t *)(void *)(q + 1024);

	for (unsigned i = 0; i < QUEUE_LEN; i++) {
		uint64_t addr = address();
		uint32_t len = length(addr);
		uint16_t flags = (uint16_t)(rnd(4) == 0 ? rnd(8) : rnd(4));
		uint16_t next = (uint16_t)rnd(QUEUE_LEN + (rnd(64) == 0));

		memcpy(q + i * 16, &addr, 8);
		memcpy(q + i * 16 + 8, &len, 4);
		memcpy(q + i * 16 + 12, &flags, 2);
		memcpy(q + i * 16 + 14, &next, 2);
	}
	for (unsigned i = 0; i < QUEUE_LEN; i++)
		avail[2 + i] = (uint16_t)rnd(QUEUE_LEN + (rnd(32) == 0));
	avail[2 + QUEUE_LEN] = (uint16_t)rnd(0x10000);
}

/* Page numbers for a balloon: ours, or of no page. */
static void
fill_data(void)
{
	uint8_t *at = scratch + (size_t)rnd(SCRATCH_PAGES) * PAGE;
	uint32_t x;

	for (unsigned i = 0; i < PAGE; i += 4) {
		x = rnd(2) == 0 ? (uint32_t)(physical[rnd(SCRATCH_PAGES)] /
		    PAGE) : 0x100000 + rnd(UINT32_MAX - 0x100000);
		memcpy(at + i, &x, 4);
	}
}

static void
enable_queue(struct victim *v, unsigned q)
{
	unsigned page = rnd(SCRATCH_PAGES);

	fill_queue(scratch + (size_t)page * PAGE);
	memset(scratch + (size_t)page * PAGE + 1024, 0, 4);
	memset(scratch + (size_t)page * PAGE + 2048, 0, 4);
	store(v->modern + 0x16, 2, q);
	store(v->modern + 0x18, 2, QUEUE_LEN);
	store(v->modern + 0x1a, 2, rnd(v->queues + 2));
	store(v->modern + 0x20, 8, physical[page]);
	store(v->modern + 0x28, 8, physical[page] + 1024);
	store(v->modern + 0x30, 8, physical[page] + 2048);
	store(v->modern + 0x1c, 2, 1);
}

/* As a good driver, up to DRIVER_OK. */
static void
set_up(struct victim *v)
{
	uint16_t on = rnd(4) == 0 ? 0 : 0x8000;

	(void)!pwrite(v->config, v->saved + 0x10, 24, 0x10);
	(void)!pwrite(v->config, v->saved + 4, 2, 4);
	(void)!pwrite(v->config, &on, 2, 0x42);
	store(v->modern + 0x14, 1, 0);
	store(v->modern + 0x14, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t f;

		store(v->modern, 4, i);
		store(v->modern + 8, 4, i);
		f = *(volatile uint32_t *)(volatile void *)(v->modern + 4);
		if (rnd(4) == 0)
			f &= ~(1U << rnd(32)) | (i == 1);
		store(v->modern + 12, 4, f);
	}
	store(v->modern + 0x14, 1, 11);
	for (unsigned q = 0; q < v->queues && q < 8; q++)
		enable_queue(v, q);
	store(v->modern + 0x14, 1, 15);
}

static void
queues(struct victim *v)
{
	unsigned page = rnd(SCRATCH_PAGES);
	uint8_t *q = scratch + (size_t)page * PAGE;

	if (rnd(4) == 0)
		fill_data();
	if (rnd(16) == 0)
		fill_queue(q);
	/* Whatever lies there: of some queue it is the index. */
	for (unsigned i = 0; i < SCRATCH_PAGES; i++) {
		uint16_t idx;

		memcpy(&idx, scratch + i * PAGE + 1026, 2);
		idx = (uint16_t)(idx + rnd(4));
		if (rnd(64) == 0)
			idx = (uint16_t)rnd(0x10000);
		memcpy(scratch + i * PAGE + 1026, &idx, 2);
	}
	for (unsigned i = 0; i < 4; i++)
		store(v->modern + 3 * PAGE + 4 * rnd(v->queues + 1),
		    1U << rnd(3), rnd(16));
}

/* The board's, but those that end or stop the machine. */
static void
ports(struct victim *v)
{
	static const struct {
		uint16_t	from, n;
	} where[] = {
		{ 0x70, 2 }, { 0xcf8, 8 }, { 0x3f8, 8 }, { 0x506, 4 },
		{ 0x510, 12 }, { 0x80, 1 }, { 0xc000, 0x1000 },
	};
	unsigned i = rnd(7);
	uint16_t port = (uint16_t)(where[i].from + rnd(where[i].n));

	(void)v;
	/* 32 bits at 0xcf8 are an address; 0xcf9 resets the machine. */
	if (port >= 0xcf9 && port < 0xcfc)
		port = 0xcfc;
	switch (rnd(6)) {
	case 0:
		outb((uint8_t)value(), port);
		break;
	case 1:
		if (port == 0xcf8)	/* reaches 0xcf9 */
			break;
		outw((uint16_t)value(), port);
		break;
	case 2:
		outl(value(), port);
		break;
	default:
		(void)inl((uint16_t)rnd(0x10000));
		(void)inb(port);
		break;
	}
}

static void
attack(unsigned seconds)
{
	static void (*const attacks[])(struct victim *) = {
		config_space, msix_table, registers, queues, queues, queues,
		set_up, ports,
	};
	struct timespec now;
	uint64_t n = 0, end;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	end = (uint64_t)now.tv_sec + seconds;
	while ((uint64_t)now.tv_sec < end) {
		for (unsigned i = 0; i < 64; i++, n++)
			attacks[rnd(8)](&victims[rnd(nvictims)]);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	}
	printf("hostile: %llu attacks\n", (unsigned long long)n);
}

/* --- the whole ---------------------------------------------------------- */

/* In the list's order; a kernel with its drivers built in has no list. */
static void
load_modules(void)
{
	char name[64], path[128];
	FILE *f = fopen("/vmd/modules/list", "re");

	while (f != NULL && fscanf(f, "%63s", name) == 1) {
		int fd;

		snprintf(path, sizeof(path), "/vmd/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1 || syscall(SYS_finit_module, fd, "", 0) == -1)
			perror(path);
		(void)close(fd);
	}
	if (f != NULL)
		(void)fclose(f);
}

/* The disk that was spared begins with a word of the test. */
static bool
disk_works(void)
{
	char buf[512] = "";
	struct dirent *e;
	DIR *d = opendir("/sys/block");
	bool good = false;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[64];
		int fd;

		if (strncmp(e->d_name, "vd", 2) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%.16s", e->d_name);
		fd = open(path, O_RDONLY | O_DIRECT);
		if (fd == -1)
			continue;
		void *page = aligned_alloc(PAGE, PAGE);

		if (page != NULL && pread(fd, page, 512, 0) == 512)
			memcpy(buf, page, 511);
		free(page);
		(void)close(fd);
		good = good || strncmp(buf, "spared", 6) == 0;
	}
	return good;
}

static void
console(void)
{
	int fd = open("/dev/hvc0", O_RDWR);

	if (fd == -1)
		return;
	(void)dup2(fd, 0);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	(void)setvbuf(stdout, NULL, _IONBF, 0);
}

static void
play(void)
{
	char line[4096] = "", *at;
	unsigned seconds = 5;
	unsigned long long seed = 1;
	int fd = open("/proc/cmdline", O_RDONLY);

	(void)!read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	at = strstr(line, "hostile=");
	if (at != NULL)
		(void)sscanf(at, "hostile=%u,%llu", &seconds, &seed);
	state = seed * 0x9e3779b97f4a7c15 + 1;
	if (iopl(3) == -1 || make_scratch() == -1) {
		printf("hostile: no ports, or no physical addresses\n");
		return;
	}
	find_victims();
	if (nvictims == 0) {
		printf("hostile: no victims\n");
		return;
	}
	attack(seconds);
	printf("hostile: the spared disk %s\n", disk_works() ? "works" :
	    "is dead");
	printf("hostile: survived %u\n", nvictims);
}

int
main(void)
{
	(void)mkdir("/proc", 0755);
	(void)mkdir("/sys", 0755);
	(void)mkdir("/dev", 0755);
	(void)mount("proc", "/proc", "proc", 0, NULL);
	(void)mount("sysfs", "/sys", "sysfs", 0, NULL);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	console();
	play();
	(void)reboot(RB_POWER_OFF);
	return 0;
}
