/* SPDX-License-Identifier: ISC */
/*
 * vms.h - the VMs that have living processes
 *
 * A VM is here from the start of its first process, or from the start of this
 * vmd, until the last has ended and STATE/vms/ID/lock is free.  Its processes
 * are our children, or those of an earlier vmd, which a handle each watches.
 */

#ifndef VMD_VMS_H
#define VMD_VMS_H

#include <sys/queue.h>
#include <sys/types.h>

#include <event2/event.h>
#include <stdbool.h>

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/monitor.h"

#define VMS_MAX	16384	/* living VMs */

/* How long devices may outlive their VMM, which ends them by its lifelines. */
#define VM_DEVICE_GRACE_MS	5000

struct vm;

struct proc {
	struct vm	*vm;
	char		 name[PRIV_NAME_MAX];
	pid_t		 pid;		/* 0: none, or it has ended */
	int		 handle;	/* of one that is no child, or -1 */
	bool		 dismissed;	/* its VMM ended and we killed it */
	struct event	*ev;		/* on the handle */
};

enum vm_state {
	/* Processes are being started; a failure ends all of them. */
	VM_STARTING,
	/* All have reported, or they were found alive. */
	VM_LIVING,
	/* Every process has ended; waiting for the lock to be free. */
	VM_ENDING,
};

struct ports;
struct start;

struct vm {
	LIST_ENTRY(vm)	 next;
	struct monitor	*m;
	enum vm_state	 state;
	char		 id[PRIV_ID_MAX];
	uid_t		 uid;
	unsigned	 nprocs;
	unsigned	 nalive;
	struct proc	*procs;		/* the VMM first */
	struct ports	*ports;		/* published on taps, or NULL */
	struct start	*start;		/* VM_STARTING, and one that failed */
	struct event	*timer;
	unsigned	 polls;		/* VM_ENDING: looks at the lock */
};

int	vms_init(struct monitor *, struct err *);
/* Forget all; the processes live on. */
void	vms_fini(struct monitor *);

/* Find the living VMs of earlier vmds by their directories. */
int	vms_adopt(struct monitor *, struct err *);

/* How many there are. */
unsigned vms_count(const struct monitor *);

struct vm *vms_find(struct monitor *, const char *id);

/* A VM with room for nprocs processes, none of them started. */
struct vm *vms_add(struct monitor *, const char *id, unsigned nprocs,
	    struct err *);

/* It never had a process. */
void	vms_drop(struct vm *);

/* A child of ours is process i of the VM. */
void	vm_child(struct vm *, unsigned i, const char *name, pid_t);

/* See struct priv_kill. */
void	vm_kill(struct vm *, bool hard);

/* Its name and its ports lead to it no more. */
void	vm_unannounce(struct vm *);

void	vm_describe(struct priv_vm *ret, const struct vm *);

/* Call fn for each. */
void	vms_each(struct monitor *, void (*fn)(void *, struct vm *), void *arg);

/* Kill what is being started: nobody waits for it, so it does not stay. */
void	vms_undo_starts(struct monitor *);

/*
 * For vms_adopt(): process i of a VM that was added is one that an earlier
 * vmd started; takes the handle, also on failure.  vm_adopted() when all are
 * told.
 */
int	vm_adopt_process(struct vm *, unsigned i, const char *name, pid_t,
	    int handle);
void	vm_adopted(struct vm *);

/* Nobody holds the VM's lock. */
bool	vm_lock_is_free(struct vm *);

/*
 * The VM's lock below its directory, held shared by what is started with the
 * descriptor.  invalid_state while another process holds it.
 */
int	vm_lock(int dirfd, const char *id, struct err *);

#endif
