/* SPDX-License-Identifier: ISC */
/* config_private.h - what config.c, config_rows.c and config_vm.c share */

#ifndef CONTROL_CONFIG_PRIVATE_H
#define CONTROL_CONFIG_PRIVATE_H

#include <sys/queue.h>

#include <jansson.h>
#include <stdbool.h>

#include "control/config.h"
#include "control/spec.h"

struct event;

/* One vm block, as accepted. */
struct config_row {
	TAILQ_ENTRY(config_row)	 entry;
	char			 name[SPEC_NAME_MAX + 1];
	json_t			*doc;	/* of conf/request.h */
	bool			 due;	/* to be started, in its turn */
	bool			 starting;	/* its start is under way */
};

struct config {
	TAILQ_HEAD(, config_row) rows;
	size_t			 nrows;
	unsigned		 parallel;	/* 0: as many as CPUs */
	unsigned		 delay;		/* seconds */
	struct config_switch	*switches;
	size_t			 nswitches;
	struct config_prefix	 prefix;
	struct config_prefix6	 prefix6;
	struct event		*timer;		/* of the next batch */
	int			 client;	/* of config_add(), or -1 */
	struct config_reading	*reading;	/* the file, or NULL */
};

/* Why a document is accepted. */
enum config_why { CONFIG_START, CONFIG_RELOAD, CONFIG_ADD };

struct config_row *config_row(const struct config *, const char *name);
/* Into the transaction. */
void	config_row_save(struct control *, const struct config_row *);
void	config_row_remove(struct control *, struct config_row *);

/*
 * Check every VM of a document, and when all are good make rows of it.
 * Messages go to the report.  Returns whether it was accepted.
 */
bool	config_accept(struct control *, const json_t *doc, enum config_why,
	    json_t *report);

/*
 * The switches and the prefixes of a document, or of the row of globals, taken
 * all or none.  With 'add' those that are there already stay.
 */
int	config_take_net(struct config *, const json_t *, bool add,
	    struct err *);
/* {"switches","prefix","prefix6"?} for the row. */
json_t	*config_net_json(const struct config *);

/* The request of a row as a spec, with what vmd was told. */
int	config_spec(struct spec *, const struct control *, const json_t *doc,
	    struct err *);

json_t	*config_report(bool accepted);
void	config_say(json_t *report, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Make the table of VMs what the rows say; report may be NULL. */
void	config_converge(struct control *, json_t *report);

/* Start what is due, a batch at a time. */
void	config_start_due(struct control *);

#endif
