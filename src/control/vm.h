/* SPDX-License-Identifier: ISC */
/*
 * vm.h - one VM as the daemon knows it, and the table of all
 *
 * The record in the database is what was acknowledged; the state is what
 * the VM last said it does, or what vmd said became of its processes.
 */

#ifndef CONTROL_VM_H
#define CONTROL_VM_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "control/auth.h"
#include "control/spec.h"

#define VMS_MAX		4096	/* in the table */
#define VM_ID_LEN	24	/* characters: [a-z][a-z0-9]* */
#define VM_ID_PREFIX_MIN 4	/* that name a VM: a name that is mistyped, or
				   another user's, is not to be one of them */
#define VM_REASON_MAX	256	/* bytes with the NUL */
#define VM_WEIGHT_KNOWN	4	/* of first_end: the reason is ours */
#define VM_LIVE_PROCS	52	/* processes: PRIV_PROC_MAX and room */
#define VM_OPS_MAX	16	/* operations waiting for one VM */

struct agent_session;
struct chapi_client;
struct control;
struct event;
struct image;
struct hypervisor;
struct op;
struct priv_vm;
struct vm;

/* hypeman's InstanceState.  "live" below: processes of the VM exist. */
enum vm_state {
	VM_CREATED,		/* live, not booted: start, remove */
	VM_INITIALIZING,	/* live, no agent yet: stop, reset, remove */
	VM_RUNNING,		/* live: all but start */
	VM_PAUSED,		/* live, vCPUs stand: resume, stop, remove */
	VM_SHUTDOWN,		/* live, guest has ended: stop, remove */
	VM_STOPPED,		/* nothing lives: start, remove, fork */
	VM_STANDBY,		/* memory in standby/: restore, remove, fork */
	VM_STATES
};

/* Why a restart is not tried, and when the next is. */
struct vm_restarts {
	uint64_t	 attempts;
	int64_t		 last_ms;	/* time of day; 0: never */
	int64_t		 next_ms;	/* 0: none is planned */
	bool		 manual_stop;	/* the user wants it stopped */
	bool		 exceeded;	/* max_attempts */
};

struct vm_waiter {
	TAILQ_ENTRY(vm_waiter) entry;
	/* The state changed, or the VM is being forgotten (vm NULL). */
	void	(*changed)(struct vm_waiter *, const struct vm *);
};

/* What holds for one start only: vmctl start -b, -p. */
struct vm_once {
	char		*kernel;	/* of the host, absolute; or NULL */
	int		 client;	/* whose rights open it */
	unsigned	 vcpus;		/* 0: the spec's */
	enum spec_boot	 boot;		/* ANY: the spec's */
};

struct vm_proc {
	char		 name[16];
	pid_t		 pid;
};

struct vm {
	TAILQ_ENTRY(vm)	 entry;
	struct control	*control;

	/* kept in the database */
	char		 id[VM_ID_LEN + 1];
	unsigned	 number;
	uid_t		 owner;
	gid_t		 group;		/* of vm.conf's owner; GROUP_NONE */
	struct spec	 spec;
	const struct hypervisor *hypervisor;	/* of its last start; NULL */
	char		*digest;	/* of the manifest, "sha256:..." */
	json_t		*image;		/* what the image says: entrypoint.. */
	json_t		*config;	/* of vm.conf: what it was made from */
	bool		 renew;		/* its overlay is of another image */
	bool		 creating;	/* not acknowledged yet */
	bool		 removing;	/* its directory is going */
	bool		 adopting;	/* it is being asked what it does */
	bool		 gone;		/* and it ended meanwhile */
	bool		 live;		/* as of the last commit */
	bool		 standby;	/* standby/ is whole and goes with the
					   disk: no guest ran since */
	bool		 held;		/* paused by an operation of ours */
	bool		 identity;	/* the guest is to hear who it is now */
	unsigned	 placing;	/* 1 + enum snapshot_kind of place/ */
	char		 made_of[VM_ID_LEN + 1]; /* snapshot that is to have
					   our working set, or "" */
	char		 boot_id[40];	/* of the host, at start */
	int64_t		 created_ms;	/* times of day; 0: never */
	int64_t		 started_ms;
	int64_t		 stopped_ms;
	bool		 exited;	/* exit_code means something */
	int		 exit_code;
	char		 exit_message[VM_REASON_MAX];
	char		 exit_reason[VM_REASON_MAX];
	uint64_t	 phase_ms[VM_STATES];
	uint8_t		 mac[6];
	struct vm_restarts restarts;

	/* of this process */
	struct vm_once	*once;		/* what this start said; or NULL */
	enum vm_state	 state;
	int64_t		 state_ms;	/* time of day it was entered */
	uint64_t	 state_since;	/* monotonic ms */
	char		 state_error[VM_REASON_MAX];
	int		 dir;		/* its directory, or -1 */
	struct chapi_client *chapi;	/* while it lives */
	struct agent_session *probe;	/* asks whether the agent serves,
					   or says who it is */
	struct event	*probe_timer;
	bool		 reserved;	/* is being started: counts as live */
	bool		 pinged;	/* its VMM is to answer, see watch.h */
	bool		 silent;	/* and did not: shown as Unknown */
	int		 ready_fd;	/* listening vsock.sock_1024, or -1 */
	int		 ready_conn;	/* vminit's connection to it, or -1 */
	struct event	*ready;		/* of the one or the other */
	struct vm_proc	 procs[VM_LIVE_PROCS];
	size_t		 nprocs;
	char		 first_end[VM_REASON_MAX]; /* what ended first, how */
	unsigned	 first_weight;	/* how much that says */
	struct event	*restart_timer;
	struct event	*record_timer;	/* of its working set */
	struct event	*reap_timer;	/* VMM gone, devices not yet */
	TAILQ_HEAD(, op) ops;		/* the first is at work */
	unsigned	 nops;
	TAILQ_HEAD(, vm_waiter) waiters;
};

TAILQ_HEAD(vm_list, vm);

/* A VM with a new id, in no table.  Takes the spec over. */
struct vm *vm_new(struct control *, struct spec *, uid_t owner);
void	vm_destroy(struct vm *);
OWN_DEFINE(struct vm, vm_destroy);

/* The address of interface i, which is a tap: its lladdr, or one of ours. */
void	vm_if_mac(uint8_t ret[6], const struct vm *, size_t i);

const char *vm_state_name(enum vm_state);
/* Refused: not a name of InstanceState. */
int	vm_state_parse(enum vm_state *, const char *, struct err *);
bool	vm_state_live(enum vm_state);

void	vm_once_destroy(struct vm_once *);

/* What it is started with: what this start said, else the spec. */
const char *vm_kernel(const struct vm *);
unsigned vm_vcpus(const struct vm *);
enum spec_boot vm_boot_device(const struct vm *);

/* Is it his, or his group's? */
bool	vm_belongs(const struct vm *, const struct caller *);

/* On the null hypervisor: no image, no devices, no agent. */
bool	vm_is_null(const struct vm *);

/* vminit runs in it and its agent answers: it is an image's VM. */
bool	vm_has_agent(const struct vm *);

/* Enter a state: times are added up, waiters are told. */
void	vm_set_state(struct vm *, enum vm_state);

/* The record of the database, both ways. */
json_t	*vm_record(const struct vm *);
int	vm_load(struct vm **, struct control *, const char *id,
	    const json_t *, struct err *);

/* The Instance of the API.  NULL when out of memory. */
json_t	*vm_json(const struct vm *);

/* It will run this image, whatever its name means later. */
void	vm_take_image(struct vm *, const struct image *);

/* What the command will be: entrypoint, cmd and the image's. */
json_t	*vm_argv(const struct vm *);

/* --- the table ------------------------------------------------------------ */

/* Insert and number it.  Refused: name_conflict, too many. */
int	vm_table_add(struct control *, struct vm *, struct err *);
/* Waiters are told; the VM is destroyed. */
void	vm_table_remove(struct vm *);
struct vm *vm_table_id(const struct control *, const char *id);

/*
 * By id, name or unique beginning of an id, among those the caller sees.
 * Refused: not_found, ambiguous.
 */
struct vm *vm_table_find(const struct control *, const struct caller *,
	    const char *text, struct err *);

/* The other VM that has published one of these ports and is not stopped. */
const struct vm *vm_table_port(const struct control *, const struct vm *,
	    const struct spec_port **);

/* The VM in whose spec the volume is, or NULL. */
const struct vm *vm_table_volume(const struct control *, const char *id,
	    const struct vm *but, bool *writes);

#endif
