/* SPDX-License-Identifier: ISC */
/*
 * tracing.c - what KVM's tracepoints say about a VMM
 *
 * The first instruction of the guest's /init is CPUID with a leaf nobody
 * else asks for: KVM's tracepoint gives its time, without help from the VMM
 * and without a device.  The first entry of a guest is seen by a trigger
 * that goes off once.
 *
 * Source: Linux, Documentation/trace/{ftrace,events,histogram}.rst.
 */

#include <sys/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe.h"

#define TRACING	"/sys/kernel/tracing/"
#define SYSCALLS "events/raw_syscalls/sys_enter/"
#define EXECVE	59			/* x86-64 */

/* Histograms of a deep run: event and keys. */
static const struct hist {
	const char	*event;
	const char	*trigger;
} hists[] = {
	{ "kvm/kvm_exit",		"hist:keys=exit_reason" },
	{ "kvm/kvm_userspace_exit",	"hist:keys=reason" },
	{ "kvm/kvm_pio",		"hist:keys=port,rw" },
	{ "kvm/kvm_mmio",		"hist:keys=type,gpa.hex" },
	{ "kvm/kvm_msr",		"hist:keys=ecx.hex,write" },
	{ "kvm/kvm_cpuid",		"hist:keys=function.hex" },
	{ "kvm/kvm_page_fault",	"hist:keys=fault_address.buckets=2097152" },
};
#define HISTS	(sizeof(hists) / sizeof(*hists))

static int
put(const char *file, const char *text)
{
	char path[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd == -1)
		return -1;
	n = write(fd, text, strlen(text));
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

static void
must_put(const char *file, const char *text)
{
	if (put(file, text) == 0)
		return;
	fprintf(stderr, "observe: %s: %s: %s\n", file, text, strerror(errno));
	exit(1);
}

static void
trigger(const struct hist *h, const char *prefix)
{
	char file[64], text[96];

	(void)snprintf(file, sizeof(file), "events/%s/trigger", h->event);
	(void)snprintf(text, sizeof(text), "%s%s", prefix, h->trigger);
	must_put(file, text);
}

void
trace_setup(void)
{
	(void)mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
	(void)mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	must_put("trace_clock", "mono");
	must_put("events/kvm/kvm_cpuid/filter", "function==0x0badf00d");
	must_put("events/kvm/kvm_cpuid/enable", "1");
	/* Wake us for the first line, not for half a buffer. */
	(void)put("buffer_percent", "0");
	/*
	 * Without this a VM waits 10 ms at its creation until it has left
	 * other processes' way (an RCU grace period).
	 */
	if (mount("cg", "/sys/fs/cgroup", "cgroup2", MS_REMOUNT,
	    "favordynmods") == -1)
		fprintf(stderr, "observe: no favordynmods: %s\n",
		    strerror(errno));
}

void
trace_begin(struct trace *t, bool deep, pid_t pid)
{
	char text[64];

	memset(t, 0, sizeof(*t));
	must_put("tracing_on", "0");
	must_put("trace", "");
	must_put("events/kvm/kvm_entry/trigger", "stacktrace:1");
	for (size_t i = 0; deep && i < HISTS; i++)
		trigger(&hists[i], "");
	if (deep) {
		(void)snprintf(text, sizeof(text), "%d", (int)pid);
		must_put("options/event-fork", "1");
		must_put("set_event_pid", text);
		(void)snprintf(text, sizeof(text),
		    "hist:keys=id if common_pid!=%d", (int)getpid());
		must_put(SYSCALLS "trigger", text);
		must_put(SYSCALLS "enable", "1");
	}
	t->pipe = open(TRACING "trace_pipe", O_RDONLY | O_NONBLOCK |
	    O_CLOEXEC);
	must_put("tracing_on", "1");
}

/* The time stamp: "comm-pid [cpu] flags SECONDS: event". */
static double
stamp(const char *line)
{
	const char *p = strstr(line, "] ");

	if (p == NULL)
		return 0;
	p += strcspn(p + 2, " ") + 2;
	return strtod(p, NULL) * 1e6;
}

static void
take_line(struct trace *t)
{
	const char *p;
	long number;

	if (strstr(t->line, "<stack trace>") != NULL && t->entry == 0) {
		t->entry = stamp(t->line);
		t->counting = false;
		/* The histogram goes on. */
		(void)put(SYSCALLS "enable", "0");
	} else if ((p = strstr(t->line, "func badf00d idx ")) != NULL) {
		number = strtol(p + 17, NULL, 16);
		if (number >= 0 && number < MARKS && t->mark[number] == 0)
			t->mark[number] = stamp(t->line);
	} else if ((p = strstr(t->line, "sys_enter: NR ")) != NULL) {
		number = strtol(p + 14, NULL, 10);
		if (t->counting) {
			if (t->list)
				printf("# %.0f us: %s\n", stamp(t->line) -
				    t->start, p + 11);
			t->syscalls++;
			if (number >= 0 && number < SYSCALLS_MAX)
				t->by_number[number]++;
		}
		/* Ours are before, the VMM's after. */
		if (number == EXECVE && t->entry == 0)
			t->counting = true;
	}
}

void
trace_read(struct trace *t)
{
	static char b[65536];
	ssize_t n;

	while ((n = read(t->pipe, b, sizeof(b))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (b[i] != '\n') {
				if (t->len + 1 < sizeof(t->line))
					t->line[t->len++] = b[i];
				continue;
			}
			t->line[t->len] = '\0';
			take_line(t);
			t->len = 0;
		}
}

/* Lines of a histogram: to standard output, or only the sum of all. */
static long
read_hist(const char *event, bool print)
{
	char path[128], line[512];
	long hits = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), TRACING "events/%s/hist", event);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (print && line[0] == '{')
			printf("# %s %s", strchr(event, '/') + 1, line);
		(void)sscanf(line, " Hits: %ld", &hits);
	}
	if (f != NULL)
		(void)fclose(f);
	return hits;
}

long
trace_user_exits(void)
{
	return read_hist("kvm/kvm_userspace_exit", false);
}

long
trace_syscalls(void)
{
	return read_hist("raw_syscalls/sys_enter", false);
}

void
trace_print(const struct trace *t)
{
	for (int i = 0; i < SYSCALLS_MAX; i++)
		if (t->by_number[i] > 0)
			printf("# syscall %d: %ld\n", i, t->by_number[i]);
	for (size_t i = 0; i < HISTS; i++)
		(void)read_hist(hists[i].event, true);
}

void
trace_end(struct trace *t, bool deep)
{
	if (deep) {
		must_put(SYSCALLS "enable", "0");
		must_put(SYSCALLS "trigger", "!hist:keys=id");
		must_put("set_event_pid", "");
		for (size_t i = 0; i < HISTS; i++)
			trigger(&hists[i], "!");
	}
	(void)put("events/kvm/kvm_entry/trigger", "!stacktrace");
	if (t->pipe != -1)
		(void)close(t->pipe);
	t->pipe = -1;
}

long
kvm_counter(const char *name)
{
	char path[128], text[32];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}
