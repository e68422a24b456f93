/* SPDX-License-Identifier: ISC */
/*
 * lifecycle.h - what happens to VMs unasked: ready, ended, found again
 *
 * op.h has what is asked for.
 */

#ifndef CONTROL_LIFECYCLE_H
#define CONTROL_LIFECYCLE_H

#include "control/vm.h"
#include "priv/request.h"

struct control;

/* Listen on vsock.sock_1024, where vminit says that the agent serves. */
int	vm_listen_ready(struct vm *, struct err *);

/* Ask port 2222 of an Initializing VM until it answers. */
void	vm_probe(struct vm *);

/* Say hello to a Running VM's agent, which sets the guest's clock by it. */
void	vm_greet(struct vm *);

/* A line with the time into control.log of its directory. */
void	vm_note(const struct vm *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Remember the processes of a start or of vm_list. */
void	vm_processes(struct vm *, const struct priv_vm *);

/* SIGKILL to whatever of it lives; vm_gone() follows. */
void	vm_kill_quietly(struct vm *);

/* vmd told: a process ended; the last process ended. */
void	vm_process_ended(struct vm *, const struct priv_ended *);
void	vm_gone(struct vm *);

/*
 * Nothing of it lives: record why and what follows (restart, removal).
 * Also for VMs that ended while no daemon ran.
 */
void	vm_stopped(struct vm *, const char *reason);

/* Plan, or take back, the next start of the restart policy. */
void	vm_plan_restart(struct vm *);
void	vm_cancel_restart(struct vm *);

/*
 * Find every VM again: what the database says against what lives.  'done'
 * is called when each has a state that was asked of it.
 */
void	lifecycle_adopt(struct control *, void (*done)(struct control *));

/* exit.json and the last line of the console, as far as they are there. */
struct exit_info {
	bool	 has_code;
	bool	 powered_off;			/* by the guest */
	int	 code;				/* 0-255 */
	char	 message[VM_REASON_MAX];	/* of the guest */
	char	 reason[VM_REASON_MAX];		/* of the VMM */
};
void	exit_info_read(struct exit_info *, int dir);
/* The last "vmd: exit code=N signal=S message=TEXT" of a text. */
void	exit_info_console(struct exit_info *, const char *text, size_t len);

#endif
