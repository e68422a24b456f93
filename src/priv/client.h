/* SPDX-License-Identifier: ISC */
/*
 * client.h - vmd-control's side of the requests: ask now, be called back
 *
 * Nothing blocks.  Every call returns at once and calls 'fn' exactly once
 * (priv_vm_list() says otherwise) from the event loop, never from within the
 * call: with the answer and e NULL, or with an empty answer and why not.
 * When vmd goes away every open call is answered EPIPE, then 'closed' is
 * called.  After priv_client_destroy() nothing is called.
 *
 * Answers come as they are ready: a slow start does not hold up what is
 * asked after it.  At most PRIV_CALLS_MAX calls are open; the next is
 * answered EAGAIN.
 *
 * A struct that is passed in is used before the call returns; the
 * descriptors in it are given away and are -1 after it.
 */

#ifndef PRIV_CLIENT_H
#define PRIV_CLIENT_H

#include <event2/event.h>
#include <stdbool.h>

#include "lib/err.h"
#include "priv/request.h"

#define PRIV_CALLS_MAX	4096

struct priv_client;

/* What vmd tells unasked.  All must be set; each may destroy the client. */
struct priv_events {
	void	(*ended)(void *arg, const struct priv_ended *);
	void	(*vm_gone)(void *arg, const char *vm);
	void	(*job_ended)(void *arg, uint32_t job, int status);
	void	(*reload)(void *arg);	/* vm.conf is to be read again */
	/* No more calls are possible; a program of vmd's exits now. */
	void	(*closed)(void *arg, const struct err *why);	/* or NULL */
};

/* fd: the channel, vmd-control's descriptor 4.  Taken, also on failure. */
int	priv_client_new(struct priv_client **ret, struct event_base *, int fd,
	    const struct priv_events *, void *arg, struct err *);
void	priv_client_destroy(struct priv_client *);

typedef void priv_done_fn(void *arg, const struct err *);
/* A priv_done_fn for whom the answer makes no difference. */
priv_done_fn priv_ignore;
/* The descriptor is the callee's; -1 on failure. */
typedef void priv_fd_fn(void *arg, int fd, const struct err *);
/* The descriptors are the callee's unless it leaves them in the struct. */
typedef void priv_setup_fn(void *arg, struct priv_setup *, const struct err *);
typedef void priv_job_fn(void *arg, struct priv_job_started *,
	    const struct err *);
typedef void priv_vm_fn(void *arg, const struct priv_vm *, bool more,
	    const struct err *);

/* The first call: what vmd was told.  Asked again it is an error. */
void	priv_setup(struct priv_client *, priv_setup_fn *, void *arg);

/*
 * vmd-control has adopted its VMs and answers on its sockets.  Until this
 * vmd counts it as starting.
 */
void	priv_serving(struct priv_client *, priv_done_fn *, void *arg);

/*
 * The directory STATE/vms/VM: made (already_exists when it is there), or
 * opened (not_found), or removed with all it holds (invalid_state while a
 * process of the VM lives; one that is not there is no error).
 */
void	priv_dir_make(struct priv_client *, const char *vm, priv_fd_fn *,
	    void *arg);
void	priv_dir_open(struct priv_client *, const char *vm, priv_fd_fn *,
	    void *arg);
void	priv_dir_remove(struct priv_client *, const char *vm, priv_done_fn *,
	    void *arg);

/* Codes: already_exists, bad_request, not_supported, not_found. */
void	priv_shares(struct priv_client *, struct priv_shares *,
	    priv_done_fn *, void *arg);

/* Codes: already_exists, bad_request, not_supported, permission_denied. */
void	priv_files(struct priv_client *, struct priv_files *, priv_done_fn *,
	    void *arg);
/* Open for reading, with the owner's rights.  Codes: not_found. */
void	priv_file_open(struct priv_client *, struct priv_file_open *,
	    priv_fd_fn *, void *arg);

/* Codes: invalid_state, not_found, disk_in_use, port_in_use, start_failed. */
void	priv_vm_start(struct priv_client *, struct priv_start *, priv_vm_fn *,
	    void *arg);
void	priv_vm_kill(struct priv_client *, const char *vm, bool hard,
	    priv_done_fn *, void *arg);

/*
 * Each VM with a living process: called with more true for each, then once
 * with NULL and more false.  On failure once with NULL, false and why.
 */
void	priv_vm_list(struct priv_client *, priv_vm_fn *, void *arg);

/* At most PRIV_JOBS_LIVE_MAX jobs run at a time; one more is busy. */
#define PRIV_JOBS_LIVE_MAX	16
void	priv_job_start(struct priv_client *, struct priv_job *, priv_job_fn *,
	    void *arg);
/* SIGTERM, and SIGKILL to one that does not end.  Unknown is no error. */
void	priv_job_kill(struct priv_client *, uint32_t job, priv_done_fn *,
	    void *arg);

/* How much vmd logs. */
void	priv_verbose(struct priv_client *, unsigned verbose, priv_done_fn *,
	    void *arg);

#endif
