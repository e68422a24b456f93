/* SPDX-License-Identifier: ISC */
/*
 * viod.h - the program around a device: commands, start, end
 *
 * A command (blk_main, net_main, scsi_main ..) parses its options,
 * makes its device over start->loop and hands it to viod_run(), which serves
 * until the VMM is gone.
 */

#ifndef VIOD_VIOD_H
#define VIOD_VIOD_H

#include "lib/err.h"
#include "os/sandbox.h"
#include "viod/serve.h"

/* Descriptors the monitor puts there; docs/ARCHITECTURE.md. */
enum {
	VIOD_FD_REPORT		= 3,
	VIOD_FD_LIFELINE	= 4,
	VIOD_FD_LISTEN		= 5,	/* or the socket of frames, net -F */
};

/* What every command has: -n NAME -S PATH -v. */
#define VIOD_OPTIONS	"n:S:v"

struct viod_start {
	struct event_loop	*loop;
	const char		*device;	/* "blk": the command */
	const char		*name;		/* in logs; -n */
	const char		*path;		/* -S: listen here ourselves,
						 * no descriptors 3 to 5 */
	int			 verbose;
	struct sandbox		 sandbox;	/* the device adds what it
						 * opens by name later */
	/* Of what is no virtio device; or NULL. */
	void			(*counters)(const void *arg, char *text,
				    size_t size);
	const void		*arg;
};

/* A kind of device: the first argument. */
struct viod_command {
	const char		*name;
	int			(*main)(struct viod_start *, int argc,
				    char **argv);
	const char		*program;	/* main NULL: beside this one */
	enum sandbox_program	 sandbox;
	const char		*synopsis;
};

/* Of the program, up to a name of NULL. */
extern const struct viod_command viod_commands[];

#define VIOD_NET_SYNOPSIS "-m mac [-Fv] [-b file] [-D rate] [-H hostname] " \
	"[-n name] [-p [addr:]host:guest[/udp]] [-q pairs] [-S path] [-U rate]"

#define VIOD_TAP_SYNOPSIS "-m mac -t fd [-lv] [-6 address] [-a address] " \
	"[-b file] [-D rate] [-H hostname] [-N fd] [-n name] [-q pairs] " \
	"[-S path] [-T fd] [-U rate]"

/* Take option 'ch' of getopt() if it is one of VIOD_OPTIONS, else -1. */
int	viod_option(struct viod_start *, int ch, const char *arg);

/*
 * Options are parsed: open the log, check the descriptors.  Call before
 * the device is made; errors after it are for viod_refuse().
 */
void	viod_begin(struct viod_start *);

/* Tell whoever started us why it cannot be, and exit. */
void	viod_refuse(const struct viod_start *, const struct err *)
	    __attribute__((noreturn));

/*
 * Listen, enter the sandbox, report ok, serve until the lifeline ends or
 * SIGTERM.  The device is idle and hung up when it returns.  NULL: no
 * front-end is listened for.
 */
void	viod_run(struct viod_start *, struct viod *);

/* Print the synopsis of a command and exit 2. */
void	viod_usage(const char *device) __attribute__((noreturn));

int	blk_main(struct viod_start *, int argc, char **argv);
int	net_main(struct viod_start *, int argc, char **argv);
int	scsi_main(struct viod_start *, int argc, char **argv);
int	tap_main(struct viod_start *, int argc, char **argv);
int	vsock_main(struct viod_start *, int argc, char **argv);

#endif
