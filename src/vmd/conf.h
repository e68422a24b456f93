/* SPDX-License-Identifier: ISC */
/*
 * conf.h - vm.conf, which vmd opens and does not read
 *
 * vmd-conf parses it, as the user of vmd-control.
 */

#ifndef VMD_CONF_H
#define VMD_CONF_H

#include "lib/err.h"
#include "vmd/options.h"

struct spawn;

/* The open file.  Refused: not_found, and other reasons of open(2). */
int	conf_open(const struct options *, struct err *);

/* The words of a command line of vmd-conf for the macros of -D. */
void	conf_words(struct spawn *, const struct options *);

/*
 * Have it checked: what vmd-conf finds goes to standard error; with -n that
 * there is nothing wrong, too, and with -n and -v what was read to standard
 * output.  Returns an exit status.  That there is no file is an error only of
 * -n with -f.
 */
int	conf_check(const struct options *);

#endif
