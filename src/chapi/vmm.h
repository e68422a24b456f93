/* SPDX-License-Identifier: ISC */
/*
 * vmm.h - what every VMM of ours does alike
 *
 * The routes of the Cloud Hypervisor API, the states of a VM and which call
 * is allowed in which, the lifelines of its devices, and its end with
 * exit.json.  How a guest is run is a back-end: our own, qemu, or null.
 */

#ifndef CHAPI_VMM_H
#define CHAPI_VMM_H

#include <stdbool.h>

#include "chapi/exit.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/own.h"

#define VMM_LIFELINES_MAX	32

struct event_loop;
struct vm_config;
struct vmm;

enum vmm_state {
	VMM_EMPTY,	/* vm.create, vm.restore */
	VMM_CREATED,	/* vm.boot, vm.delete; vm.restore with this config */
	VMM_RUNNING,	/* all but vm.create, vm.boot, vm.resume */
	VMM_PAUSED,	/* as running, but vm.resume and not vm.pause */
	VMM_SHUTDOWN,	/* as created: the next boot starts it afresh */
};

/* What a back-end can be asked for; from VMM_RESIZE on it may not have it. */
enum vmm_action {
	VMM_BOOT,		/* run vmm_config() */
	VMM_PAUSE,
	VMM_RESUME,
	VMM_SHUTDOWN_NOW,	/* end the guest, without asking it */
	VMM_REBOOT,
	VMM_POWER_BUTTON,	/* ask the guest to power off */
	VMM_RESIZE,		/* to next->cpus and next->balloon.size */
	VMM_ADD,		/* plug in device 'id' of next; answer bdf */
	VMM_REMOVE,		/* unplug 'id', which next has no more */
	VMM_NMI,
	VMM_BREAK,		/* comes in at the serial port */
	VMM_CLOCK,		/* the host's jumped: look at it */
	VMM_CONSOLE_SIZE,	/* the console is shown at cols by rows */
	VMM_COREDUMP,		/* into 'path'; the VM may run */
	VMM_SNAPSHOT,		/* into 'path'; the VM is paused */
	VMM_RESTORE,		/* next from 'dirfd', and stay paused */
	VMM_WORKING_SET,	/* into the snapshot 'path' */
	VMM_SEND,		/* into the pipe 'path'; it is paused then, or
				   as it was when it fails */
	VMM_ACTIONS
};

/* What an action is about; valid until its vmm_done(). */
struct vmm_ask {
	int			 dirfd;	/* SNAPSHOT, COREDUMP, SEND: the VM's
					   directory.  RESTORE: the snapshot */
	const char		*path;	/* below dirfd, or absolute */
	bool			 prefault;	/* RESTORE: read all of it */
	bool			 prefetch;	/* its working set */
	const char		*id;	/* ADD, REMOVE: "disk1" */
	unsigned		 cols;	/* CONSOLE_SIZE, characters */
	unsigned		 rows;
	/* The config as it will be when this is done; NULL: as it is. */
	const struct vm_config	*next;
};

/*
 * A back-end.  An action begins and is followed by exactly one vmm_done(),
 * before it returns or later; there is one at a time.
 */
struct vmm_backend {
	const char	*name;
	/* Refuse a config that asks for what is not there; NULL: take all. */
	int		(*check)(const struct vm_config *, struct err *);
	void		(*act[VMM_ACTIONS])(void *arg);
	/* The guest does not run any more when this returns. */
	void		(*kill)(void *arg);
	/* Members of vm.info's "vmd", and vm.counters; the caller owns. */
	json_t		*(*info)(void *arg);
	json_t		*(*counters)(void *arg);
	/* Set more members of vm.info, "device_tree" for one; NULL: none. */
	void		(*describe)(void *arg, json_t *info);
};

/* What a VMM is started with; zero where there is none. */
struct vmm_setup {
	struct event_loop		*loop;
	const struct vmm_backend	*backend;
	void				*arg;		/* the back-end's */
	int				 api;		/* -a FD, listening */
	int				 restore;	/* -R FD: "fd:FD" */
	const char			*lifelines[VMM_LIFELINES_MAX];
	size_t				 nlifelines;	/* -L NAME=FD */
	/*
	 * A person started it, in a directory that is not the VM's: no
	 * exit.json is written.
	 */
	bool				 by_hand;
};

/* Take -a, -L or -R; other options and too many of them are refused. */
int	vmm_option(struct vmm_setup *, int opt, const char *arg);

/*
 * Serve the API for the VM whose directory is '.'.  The descriptors of the
 * setup are taken.  SIGTERM and SIGINT end the VM, SIGPIPE is ignored.
 */
int	vmm_new(struct vmm **ret, const struct vmm_setup *, struct err *);
void	vmm_destroy(struct vmm *);
OWN_DEFINE(struct vmm, vmm_destroy);

/*
 * As the calls vm.create and vm.boot, or vm.create and vm.restore from
 * directory dirfd (borrowed) and vm.resume, with nobody who waits for
 * answers.  Only for a back-end whose actions are done when they return.
 * The config is taken, also on failure.
 */
int	vmm_boot(struct vmm *, struct vm_config *, struct err *);
int	vmm_restore(struct vmm *, struct vm_config *, int dirfd, bool prefetch,
	    struct err *);

/*
 * The VM's configuration; not before vm.create.  What it points to changes
 * with each device that is added or removed: keep none of its strings.
 */
const struct vm_config *vmm_config(const struct vmm *);

/* What the action that was begun is about. */
const struct vmm_ask *vmm_ask(const struct vmm *);

/* What was begun is done (NULL) or failed. */
void	vmm_done(struct vmm *, const struct err *);

/* It is done, and this is the answer (taken). */
void	vmm_answer(struct vmm *, json_t *);

/* The guest was paused or resumed by other means than a call. */
void	vmm_paused(struct vmm *, bool);

/*
 * The VM is over: the first caller's reason is written, the back-end killed
 * and the event loop left.  A call that waits is refused with the reason.
 */
void	vmm_end(struct vmm *, enum vm_exit_code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* How the VM ended, or NULL when it has not. */
const struct vm_exit *vmm_why(const struct vmm *);

/* What a program reports on descriptor 3, which is closed: "ok", or e. */
void	vmm_report(const struct err *);

#endif
