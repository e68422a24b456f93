/* SPDX-License-Identifier: ISC */
/*
 * control.h - what the parts of vmd-control share
 *
 * One thread, one event loop; no part calls into another's structs but
 * through its header.
 */

#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <event2/event.h>

#include "control/images.h"
#include "control/snapshots.h"
#include "control/vm.h"
#include "control/volumes.h"
#include "lib/err.h"
#include "os/os.h"
#include "priv/request.h"

struct config;
struct console;
struct db;
struct http;
struct job;
struct template;
struct priv_client;
struct probes;

struct control {
	struct event_base	*base;
	struct priv_client	*priv;
	struct priv_setup	 setup;	/* what vmd was told */
	struct db		*db;
	struct http		*http;
	struct auth		*auth;	/* NULL: no TCP */
	struct config		*config;	/* of vm.conf */
	struct image_list	 images;
	struct volume_list	 volumes;
	struct snapshot_list	 snapshots;
	struct probes		*probes;	/* of hypervisors */
	TAILQ_HEAD(, console)	 consoles;	/* attached, writers first */
	TAILQ_HEAD(, job)	 jobs;
	TAILQ_HEAD(, template)	 templates;	/* being made */
	struct vm_list		 vms;
	size_t			 nvms;
	unsigned		 last_number;
	int			 state;	/* STATE, a directory */
	bool			 listed; /* vmd has said which VMs live */
	char			 boot_id[OS_BOOT_ID];
	long			 ncpus;		/* of the host; asked once */
	const char		*data;	/* DATA, absolute */
};

/* Put what changed into the transaction that the next answer commits. */
void	control_save(struct control *, struct vm *);

/*
 * Record at once that the VM is being made or removed: whoever finds it so
 * after a crash removes what there is of it.
 */
int	control_mark(struct control *, struct vm *, bool durable,
	    struct err *);

/* Milliseconds since 1970. */
int64_t	time_ms(void);

/* RFC 3339 in UTC with milliseconds; NULL for 0 makes a JSON null. */
json_t	*time_json(int64_t ms);

/* A new id: VM_ID_LEN random characters. */
void	id_new(char id[VM_ID_LEN + 1]);

#endif
