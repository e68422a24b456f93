/* SPDX-License-Identifier: ISC */
/*
 * arm64-init.c - process 1 of guests of arm64.t and efi.t: says what it finds
 *
 * It boots twice: the first time it ends with a reboot.  With "busy" on its
 * command line it counts, until the disk says that it is enough; with "button"
 * it waits for the power button, and switches itself off.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/gpio.h>
#include <linux/input.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BOOTS	8192		/* offset on the disk: how often it came up */
#define WRITTEN	4096
#define COUNTED	12288
#define ENOUGH	16384

static void
load_modules(void)
{
	char name[256], path[300];
	FILE *f = fopen("/vmd/modules/list", "r");
	int fd;

	if (f == NULL)
		return;
	while (fscanf(f, "%255s", name) == 1) {
		(void)snprintf(path, sizeof(path), "/vmd/modules/%s", name);
		fd = open(path, O_RDONLY);
		(void)syscall(SYS_finit_module, fd, "", 0);
		(void)close(fd);
	}
	(void)fclose(f);
}

static unsigned
count(const char *path, const char *word)
{
	char line[1024];
	FILE *f = fopen(path, "r");
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, word) != NULL;
	return n;
}

static int
disk(void)
{
	char text[17] = "", boots = 0;
	int fd = open("/dev/vda", O_RDWR);

	if (pread(fd, text, 16, 0) != 16 || pread(fd, &boots, 1, BOOTS) != 1)
		printf("disk: no\n");
	printf("disk: %s\n", text);
	boots++;
	if (pwrite(fd, "the guest was here", 18, WRITTEN) != 18 ||
	    pwrite(fd, &boots, 1, BOOTS) != 1 || fsync(fd) == -1)
		printf("disk: cannot be written\n");
	(void)close(fd);
	return boots;
}

static void
chance(void)
{
	unsigned char b[16], or = 0;
	int fd = open("/dev/hwrng", O_RDONLY);
	ssize_t n = read(fd, b, sizeof(b));

	for (ssize_t i = 0; i < n; i++)
		or |= b[i];
	printf("rng: %s\n", or != 0 ? "bytes" : "no");
}

/* A variable of UEFI's, of which the first four bytes are attributes. */
static void
variable(void)
{
	static const char name[] = "/efi/Kept-"
	    "5b1c6f0e-7c3a-4d25-9b59-0d9f3f6f8f11";
	static const char wanted[] = "\7\0\0\0by flash";
	char got[32] = "";
	int fd = open("/efivarfs.ko", O_RDONLY);

	if (fd == -1)
		return;
	(void)syscall(SYS_finit_module, fd, "", 0);
	(void)close(fd);
	(void)mkdir("/efi", 0755);
	if (mount("none", "/efi", "efivarfs", 0, NULL) == -1) {
		printf("efi: no\n");
		return;
	}
	fd = open(name, O_RDONLY);
	if (fd != -1 && read(fd, got, sizeof(got)) == sizeof(wanted) &&
	    memcmp(got, wanted, sizeof(wanted)) == 0) {
		printf("efi: kept\n");
		return;
	}
	fd = open(name, O_WRONLY | O_CREAT, 0644);
	printf("efi: %s\n", write(fd, wanted, sizeof(wanted)) ==
	    sizeof(wanted) ? "written" : "cannot be written");
	(void)close(fd);
}

/* --- busy ---------------------------------------------------------------- */

/* The other processor counts in registers and memory, and never sleeps. */
static volatile unsigned long *
other_processor(void)
{
	volatile unsigned long *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t set;

	if (fork() != 0)
		return n;
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	for (unsigned long i = 1;; i++)
		*n = i;
}

static unsigned long
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long)ts.tv_sec * 1000 +
	    (unsigned long)ts.tv_nsec / 1000000;
}

/* To the disk, and back from there: no cache of ours is asked. */
static int
through_disk(int fd, char *page, unsigned n)
{
	unsigned back;

	memset(page, (int)n, 4096);
	memcpy(page, &n, sizeof(n));
	if (pwrite(fd, page, 4096, COUNTED) != 4096)
		return -1;
	memset(page, 0, 4096);
	if (pread(fd, page, 4096, COUNTED) != 4096)
		return -1;
	memcpy(&back, page, sizeof(back));
	return back == n && page[4095] == (char)n ? 0 : -1;
}

static void
busy(void)
{
	const struct timespec some = { .tv_nsec = 50000000 };
	volatile unsigned long *other = other_processor();
	unsigned long last = 0, then = 0, now;
	int fd = open("/dev/vda", O_RDWR | O_DIRECT);
	char *page = aligned_alloc(4096, 4096);

	for (unsigned n = 1;; n++) {
		(void)nanosleep(&some, NULL);
		now = now_ms();
		/* It counts on as soon as the host lets it. */
		while (*other == last)
			(void)nanosleep(&some, NULL);
		printf("count: %u%s%s\n", n, now <= then ? " back" : "",
		    through_disk(fd, page, n) == -1 ? " disk" : "");
		(void)fflush(stdout);
		then = now;
		last = *other;
		if (pread(fd, page, 4096, ENOUGH) == 4096 && page[0] == 'e')
			break;
	}
	printf("enough\n");
	(void)fflush(stdout);
	(void)reboot(RB_POWER_OFF);
}

/* --- button -------------------------------------------------------------- */

/* Where the kernel has a driver for keys: it is a key. */
static int
key(int fd)
{
	struct input_event e;

	printf("button: a key\n");
	(void)fflush(stdout);
	while (read(fd, &e, sizeof(e)) == sizeof(e))
		if (e.type == EV_KEY) {
			printf("key: %u %s\n", e.code, e.value != 0 ?
			    "down" : "up");
			if (e.value == 0)
				return e.code == KEY_POWER ? 0 : -1;
		}
	return -1;
}

/* Else a line of the GPIO's, both of whose edges interrupt. */
static int
edges(void)
{
	struct gpio_v2_line_request r = { .offsets = { 3 }, .num_lines = 1,
	    .consumer = "power", .config.flags = GPIO_V2_LINE_FLAG_INPUT |
	    GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING };
	struct gpio_v2_line_event e;

	if (ioctl(open("/dev/gpiochip0", O_RDWR), GPIO_V2_GET_LINE_IOCTL,
	    &r) == -1)
		return -1;
	printf("button: a line\n");
	(void)fflush(stdout);
	while (read(r.fd, &e, sizeof(e)) == sizeof(e)) {
		printf("line: %s\n", e.id == GPIO_V2_LINE_EVENT_RISING_EDGE ?
		    "up" : "down");
		if (e.id == GPIO_V2_LINE_EVENT_FALLING_EDGE)
			return 0;
	}
	return -1;
}

static void
button(void)
{
	int fd = open("/dev/input/event0", O_RDONLY);
	int r = fd == -1 ? edges() : key(fd);

	printf("button: %s\n", r == 0 ? "off" : "nothing");
	(void)fflush(stdout);
	(void)reboot(RB_POWER_OFF);
}

int
main(void)
{
	int boots;

	(void)mkdir("/proc", 0755);
	(void)mkdir("/sys", 0755);
	(void)mkdir("/dev", 0755);
	(void)mount("none", "/proc", "proc", 0, NULL);
	(void)mount("none", "/sys", "sysfs", 0, NULL);
	(void)mount("none", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	if (count("/proc/cmdline", "busy") > 0)
		busy();
	if (count("/proc/cmdline", "button") > 0)
		button();
	boots = disk();
	printf("boot: %d\n", boots);
	printf("cpus: %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	printf("messages: %s\n", count("/proc/interrupts", "ITS-") > 1 ?
	    "yes" : "no");
	printf("clock: %s\n", count("/sys/class/rtc/rtc0/name", "pl031") == 1 ?
	    "pl031" : "no");
	printf("button: %s\n", count("/sys/bus/amba/devices/9030000.pl061/"
	    "uevent", "DRIVER=pl061") == 1 ? "pl061" : "no");
	chance();
	variable();
	(void)fflush(stdout);
	sync();
	(void)reboot(boots == 1 ? RB_AUTOBOOT : RB_POWER_OFF);
	return 1;
}
