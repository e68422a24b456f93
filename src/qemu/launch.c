/* SPDX-License-Identifier: ISC */
/* launch.c - how a QEMU is started; see launch.h */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/probe.h"
#include "chapi/console.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "os/sandbox.h"
#include "qemu/child.h"
#include "qemu/command.h"
#include "qemu/host.h"
#include "qemu/launch.h"

#define VARIABLES_BYTES	(64LL << 20)	/* the board's flash, and no other */
#define TSC_KHZ_UNKNOWN	1000000	/* TCG's own where the host has no TSC */

/* QEMU's descriptors, from CHILD_FD_FIRST on. */
enum { FD_QMP, FD_CONSOLE, FD_COUNT };

int
launch_accel_parse(enum launch_accel *ret, const char *word, struct err *e)
{
	const char *const words[] = { "auto", qemu_host.accel, "tcg" };

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i], word) == 0) {
			*ret = (enum launch_accel)i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "-A %s: not auto, %s or tcg", word,
	    qemu_host.accel);
}

/* KVM runs only guests of the host's own architecture. */
bool
launch_kvm(const struct launch *l, const struct vm_config *v)
{
	return l->kvm_good && strcmp(os_arch(), vm_arch_name(v->arch)) == 0;
}

/* Decide about KVM, once. */
static int
choose_accel(struct launch *l, const struct vm_config *v, struct err *e)
{
	unsigned slowdown;

	if (l->accel == LAUNCH_TCG)
		return 0;
	if (!l->probed) {
		l->probed = true;
		l->kvm_good = accel_probe(&slowdown, e) == 0;
		if (!l->kvm_good) {
			(void)snprintf(l->why, sizeof(l->why), "%s", e->text);
			log_info("%s is not used: %s", qemu_host.accel,
			    l->why);
		}
	}
	if (l->accel == LAUNCH_KVM && !l->kvm_good)
		return err_set(e, ENOTSUP, "%s cannot be used: %.400s",
		    qemu_host.accel, l->why);
	if (l->accel == LAUNCH_KVM && !launch_kvm(l, v))
		return err_set(e, ENOTSUP, "%s cannot run %s guests here",
		    qemu_host.accel, vm_arch_name(v->arch));
	return 0;
}

/* What is not there yet is made; holes take no room. */
static int
prepare_variables(const struct vm_config *v, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (v->variables == NULL)
		return 0;
	fd = open(v->variables, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "variables: %s", v->variables);
	if (!S_ISREG(st.st_mode) || st.st_size > VARIABLES_BYTES)
		return err_set(e, EINVAL, "variables: not a file of at most "
		    "%lld MiB", VARIABLES_BYTES >> 20);
	return ftruncate(fd, VARIABLES_BYTES) == -1 ?
	    err_sys(e, "variables: %s", v->variables) : 0;
}

/*
 * Now it is known which files a guest needs; from here on neither we nor
 * QEMU open others.  A later boot has to do with the files of the first.
 */
static int
enter_sandbox(struct launch *l, const struct vm_config *v, struct err *e)
{
	struct sandbox s = { .program = SANDBOX_VMM_QEMU };
	char missing[SANDBOX_MISSING_MAX];

	if (l->sandboxed)
		return 0;
	sandbox_add_system(&s);
	sandbox_add(&s, ".", SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add(&s, v->kernel != NULL ? v->kernel : v->firmware,
	    SANDBOX_READ);
	if (v->initramfs != NULL)
		sandbox_add(&s, v->initramfs, SANDBOX_READ);
	if (v->variables != NULL)
		sandbox_add(&s, v->variables, SANDBOX_READ | SANDBOX_WRITE);
	if (l->kvm_good)
		sandbox_add(&s, "/dev/kvm",
		    SANDBOX_READ | SANDBOX_WRITE | SANDBOX_DEVICE);
	if (sandbox_enter(&s, missing, e) == -1)
		return -1;
	if (missing[0] != '\0')
		log_debug("sandbox without %s", missing);
	l->sandboxed = true;
	return 0;
}

static int
make_pair(int *ours, int *theirs, struct err *e)
{
	int pair[2];

	if (os_socketpair(SOCK_STREAM, pair) == -1)
		return err_sys(e, "QEMU: socket");
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static int
spawn(struct child **ret, const struct launch *l, struct event_loop *loop,
    const struct vm_config *v, const int theirs[FD_COUNT], struct err *e)
{
	struct child_setup s = { .fds = theirs, .nfds = FD_COUNT };
	struct command_host host = {
		.kvm = launch_kvm(l, v),
		.tsc_khz = os_tsc_khz(),
		.qmp_fd = CHILD_FD_FIRST + FD_QMP,
		.console_fd = CHILD_FD_FIRST + FD_CONSOLE,
	};
	struct command c;
	int r;

	if (host.tsc_khz == 0)
		host.tsc_khz = TSC_KHZ_UNKNOWN;
	if (command_make(&c, v, &host, e) == -1)
		return -1;
	s.argv = c.argv;
	r = child_new(ret, loop, &s, e);
	command_fini(&c);
	return r;
}

int
launch_start(struct launched *ret, struct launch *l, struct event_loop *loop,
    const struct vm_config *v, struct err *e)
{
	OWN(console_destroy) struct console *console = NULL;
	own_fd int qmp = -1, qmp_theirs = -1, guest = -1, guest_theirs = -1;
	const struct vm_stream *t = v->serial.mode != VM_STREAM_OFF ?
	    &v->serial : &v->console;
	struct console_setup s = { .loop = loop, .path = t->socket,
	    .file = t->file };
	struct child *child;
	int theirs[FD_COUNT];

	if (choose_accel(l, v, e) == -1 || prepare_variables(v, e) == -1 ||
	    enter_sandbox(l, v, e) == -1 ||
	    make_pair(&qmp, &qmp_theirs, e) == -1 ||
	    make_pair(&guest, &guest_theirs, e) == -1)
		return -1;
	if (t->mode != VM_STREAM_OFF) {
		s.guest = take_fd(&guest);
		if (console_new(&console, &s, e) == -1)
			return -1;
	}
	theirs[FD_QMP] = qmp_theirs;
	theirs[FD_CONSOLE] = guest_theirs;
	if (spawn(&child, l, loop, v, theirs, e) == -1)
		return -1;
	ret->child = child;
	ret->qmp = take_fd(&qmp);
	ret->console = take(&console);
	return 0;
}
