/* SPDX-License-Identifier: ISC */
/*
 * clock.h - guests are told when the host's clock jumps
 *
 * A guest may keep time by what stood still while its host slept, and nothing
 * of it follows somebody who sets the host's clock.
 */

#ifndef CONTROL_CLOCK_H
#define CONTROL_CLOCK_H

struct control;
struct vm;

/* From now on. */
void	clock_start(struct control *);

/*
 * Have a running guest look at the host's clock: by its VMM, where that can
 * (vmmci, the alarm of a clock), and by its agent, where there is one.
 * Nobody is told how it went: a guest that does not hear has an old clock.
 */
void	clock_tell(struct vm *);

#endif
