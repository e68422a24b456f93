/* SPDX-License-Identifier: ISC */
/* options.h - what vmd's command line says; see vmd(8) */

#ifndef VMD_OPTIONS_H
#define VMD_OPTIONS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "priv/request.h"

/* Users of VMs: a range nothing else hands out (systemd's UIDS-GIDS page). */
#define OPTIONS_UID_BASE	1900000000U
#define OPTIONS_UID_COUNT	65536U

#define OPTIONS_USER_MAX	33	/* bytes with the NUL */
#define OPTIONS_MACROS_MAX	64
#define OPTIONS_PERCENT_MAX	100000	/* overcommit of 1000 */

struct options {
	bool	 foreground;		/* -d */
	bool	 check;			/* -n */
	char	 conf[PRIV_PATH_MAX];	/* -f, absolute; "": none */
	bool	 conf_named;		/* with -f */
	unsigned nmacros;		/* -D */
	const char *macros[OPTIONS_MACROS_MAX];	/* NAME=VALUE, of argv */
	unsigned verbose;		/* -v, counted */
	char	 state[PRIV_PATH_MAX];	/* absolute */
	char	 socket[PRIV_PATH_MAX];	/* absolute */
	char	 data[PRIV_PATH_MAX];
	char	 libexec[PRIV_PATH_MAX];	/* where the programs are */
	char	 secret[PRIV_PATH_MAX];	/* file with the JWT key, or "" */
	unsigned nlisten;
	char	 listen[PRIV_LISTEN_MAX][PRIV_WORD_MAX];	/* ADDR:PORT */
	char	 user[OPTIONS_USER_MAX];	/* of vmd-control */
	uint32_t uid_base;
	char	 hypervisor[PRIV_WORD_MAX];
	char	 accel[PRIV_WORD_MAX];
	uint32_t cpu_percent;
	uint32_t memory_percent;
	uint32_t disk_percent;
};

/*
 * Read the command line into *ret, with the defaults of the user who runs
 * it.  -1 with the reason, which names the option; 1 when the usage is asked
 * for or the line has no known form.
 */
int	options_parse(struct options *ret, int argc, char **argv,
	    struct err *);

#endif
