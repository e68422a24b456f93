/* SPDX-License-Identifier: ISC */
/*
 * vms_adopt.c - find the living VMs of earlier vmds
 *
 * STATE/vms/ID/pids has a line "name pid starttime" for each process that was
 * started.  Others may write in that directory: the file counts only when it
 * is ours, and a line only when that very process lives and runs as the VM's
 * user, or as the one whose shares it serves.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "os/process.h"
#include "vmd/ports.h"
#include "vmd/shares.h"
#include "vmd/state.h"
#include "vmd/vms.h"

#define PIDS_MAX	8192	/* bytes of a pids file */

struct found {
	unsigned	 n;
	struct {
		char	 name[PRIV_NAME_MAX];
		pid_t	 pid;
		int	 handle;
	} procs[PRIV_PROC_MAX];
};

static void
found_line(struct found *f, const char *line, uid_t uid, uid_t share_uid)
{
	unsigned long long start;
	char name[PRIV_NAME_MAX];
	int pid, end = 0, handle;

	if (f->n == PRIV_PROC_MAX || sscanf(line, "%15[a-z0-9] %d %llu%n",
	    name, &pid, &start, &end) != 3 || line[end] != '\0')
		return;
	handle = process_open(pid, start, strncmp(name, "fs", 2) == 0 ?
	    share_uid : uid);
	if (handle == -1)
		return;
	memcpy(f->procs[f->n].name, name, sizeof(name));
	f->procs[f->n].pid = pid;
	f->procs[f->n].handle = handle;
	f->n++;
}

/* Only a file that vmd itself made: its owner cannot be had by a link. */
static bool
is_ours(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, "pids", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1;
}

static void
found_read(struct found *f, int dirfd, uid_t uid, uid_t share_uid)
{
	struct buf b;
	char *line, *save = NULL;

	f->n = 0;
	if (!is_ours(dirfd))
		return;
	buf_init(&b, PIDS_MAX);
	if (file_read(&b, dirfd, "pids", NULL) == 0 && b.len > 0) {
		line = strtok_r((char *)b.data, "\n", &save);
		for (; line != NULL; line = strtok_r(NULL, "\n", &save))
			found_line(f, line, uid, share_uid);
	}
	buf_fini(&b);
	for (unsigned i = 1; i < f->n; i++) {
		__typeof__(f->procs[0]) first = f->procs[0];

		if (strcmp(f->procs[i].name, "vmm") != 0)
			continue;
		f->procs[0] = f->procs[i];
		f->procs[i] = first;
	}
}

static int
adopt_found(struct monitor *m, const char *id, uid_t uid, struct found *f,
    struct err *e)
{
	struct vm *v;
	int r = 0;

	v = vms_add(m, id, f->n == 0 ? 1 : f->n, e);
	if (v == NULL) {
		for (unsigned i = 0; i < f->n; i++)
			(void)close(f->procs[i].handle);
		return -1;
	}
	v->uid = uid;
	for (unsigned i = 0; i < f->n; i++)
		if (vm_adopt_process(v, i, f->procs[i].name, f->procs[i].pid,
		    f->procs[i].handle) == -1)
			r = err_set(e, ENOMEM, "no memory to adopt VM %s", id);
	if (f->n == 0 && vm_lock_is_free(v)) {
		vms_drop(v);
		return r;
	}
	log_info("VM %s: adopted, %u processes", id, f->n);
	vm_adopted(v);
	return r;
}

/* Those of a VM that is no more were its ports. */
static void
adopt_ports(struct vm *v, int dirfd)
{
	struct err e;

	if (v == NULL)
		ports_remove(dirfd);
	else if (ports_read(&v->ports, dirfd, &e) == -1)
		log_err(&e, "VM %s: its published ports", v->id);
}

static void
adopt(void *arg, const char *id)
{
	struct monitor *m = arg;
	own_fd int dirfd = -1;
	struct shares shares;
	struct found f;
	struct user u;
	struct err e;

	dirfd = state_vm_open(m, id, &e);
	if (dirfd == -1 || state_vm_user(m, dirfd, &u, &e) == -1) {
		log_err(&e, "VM %s is left alone", id);
		return;
	}
	if (shares_read(&shares, dirfd, id, &e) == -1) {
		log_err(&e, "VM %s: its shares", id);
		shares.uid = u.uid;
	}
	found_read(&f, dirfd, u.uid, shares.uid);
	if (adopt_found(m, id, u.uid, &f, &e) == -1)
		log_err(&e, "VM %s", id);
	adopt_ports(vms_find(m, id), dirfd);
}

int
vms_adopt(struct monitor *m, struct err *e)
{
	return state_vm_each(m, adopt, m, e);
}
