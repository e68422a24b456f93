/* SPDX-License-Identifier: ISC */
/*
 * config.h - the VMs of vm.conf: made, updated, removed and started
 *
 * What was accepted of the file is a row of the database for each VM; all
 * rows of a reading are one transaction.  Converging makes the table of VMs
 * what the rows say.  It can be done again at any time, so a daemon that died
 * in the middle goes on where it was.
 *
 * A VM that lives is not changed: what its row says holds from its next start.
 * A VM that was made in another way keeps its name, and the row waits.
 */

#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "control/spec.h"
#include "lib/err.h"

#define CONFIG_VMS_MAX		1024	/* rows */
#define CONFIG_MESSAGES_MAX	1200	/* of a report */
#define CONFIG_SWITCHES_MAX	64
#define CONFIG_DELAY_S		30	/* between batches of starts */

struct config;
struct control;
struct vm;

/* The rows of the database. */
int	config_load(struct control *, struct err *);

/*
 * VMs are adopted: read the file if this vmd has just started, else go on
 * with what was accepted.
 */
void	config_begin(struct control *);

/*
 * A report is {"accepted":bool,"messages":[text]}: what was wrong, or what
 * was done.  Borrowed; NULL when the err says why nothing was read.
 */
typedef void config_done_fn(void *arg, json_t *report, const struct err *);

/* Read vmd's file and do what it says.  fn (or NULL) is called later. */
void	config_reload(struct control *, config_done_fn *, void *arg);

/*
 * Add the VMs of a document, conf/request.h's; those that are there stay as
 * they are.  client: the connection of who asks, borrowed, whose rights their
 * files are opened with.  *report is the caller's.
 */
int	config_add(struct control *, const json_t *doc, int client,
	    json_t **report, struct err *);

/* Forget all rows; their VMs are killed and removed. */
void	config_reset(struct control *, json_t **report);

/* A switch of vm.conf; strings are "" where nothing is said. */
struct config_switch {
	char		 name[SPEC_NAME_MAX + 1];
	char		 interface[SPEC_IFNAME_MAX + 1];	/* the bridge */
	char		 group[SPEC_IFNAME_MAX + 1];
	bool		 disabled;
	bool		 down;
	bool		 locked;
	unsigned	 rdomain;	/* 0: none */
};

/* The switch of that name, or NULL. */
const struct config_switch *config_switch(const struct control *,
	    const char *name);

/* Where local interfaces have their addresses: host order, length. */
struct config_prefix {
	uint32_t	 addr;
	unsigned	 len;
};
struct config_prefix config_prefix(const struct control *);

/* The same of IPv6, in network order; length 0: there is none. */
struct config_prefix6 {
	uint8_t		 addr[16];
	unsigned	 len;
};
struct config_prefix6 config_prefix6(const struct control *);

/* It waits for its turn of the staggered start. */
bool	config_waits(const struct vm *);

/*
 * A VM is about to start: what its row says holds from now on.  Refused:
 * not_supported for what this version cannot start; not_found, conflict for
 * its volumes.
 */
int	config_starts(struct vm *, struct err *);

#endif
