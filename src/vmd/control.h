/* SPDX-License-Identifier: ISC */
/*
 * control.h - vmd-control as vmd sees it: started, asked by, told, restarted
 *
 * When it dies it is started again: at once, and after 100, 200 .. 1000 ms
 * when it dies within CONTROL_STEADY_MS of a start.  Clients wait that long at
 * the sockets, which are vmd's.  Each is a generation; an answer for one that
 * is gone is dropped, and a start that it asked for is undone.
 */

#ifndef VMD_CONTROL_H
#define VMD_CONTROL_H

#include <stdint.h>

#include "lib/err.h"
#include "vmd/monitor.h"

#define CONTROL_STEADY_MS	10000
#define CONTROL_DELAY_MIN_MS	100
#define CONTROL_DELAY_MAX_MS	1000
#define CONTROL_END_MS		5000	/* from SIGTERM to SIGKILL */

/* What is asked, and what may be asked, of vmd-control's life. */
enum control_state {
	/* None runs; a start is due. */
	CONTROL_DOWN,
	/* Started; may ask for its set-up and everything below. */
	CONTROL_STARTING,
	/* It answers on its sockets. */
	CONTROL_SERVING,
	/* It was told to end; asks nothing more. */
	CONTROL_ENDING,
	CONTROL_STATES
};

/*
 * Start it.  ready is called once, when the first one serves (NULL) or when
 * it ends before: why.
 */
int	control_start(struct monitor *, void (*ready)(void *arg,
	    const struct err *), void *arg, struct err *);

/* End it; ended is called when it has. */
void	control_end(struct monitor *, void (*ended)(void *arg), void *arg);
void	control_destroy(struct monitor *);

/* The API's socket is whose vm.conf says it is; a failure is logged. */
void	control_own_socket(struct monitor *);

/* Which vmd-control this is. */
unsigned control_generation(const struct monitor *);

/* Tell unasked; descriptors are given away.  Dropped when none is there. */
void	control_tell(struct monitor *, unsigned type, void *body);

/* Who asked, for an answer that comes later. */
struct asker {
	unsigned	generation;
	uint32_t	id;
};

void	control_answer(struct monitor *, struct asker, unsigned type,
	    void *body);
void	control_refuse(struct monitor *, struct asker, const struct err *);

#endif
