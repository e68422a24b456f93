/* SPDX-License-Identifier: ISC */
/*
 * working_set.h - the pages a restored VM uses first, for its next restore
 *
 * A VM that is restored and has no set is left alone for a moment; then its
 * VMM writes down what it has touched, as VMDIR/working-set.  From there the
 * set goes
 *
 *	into standby/ and into snapshots, whenever memory is written, and
 *	beside the snapshot the VM was made of, if that has none yet;
 *
 * and who restores a directory with a set has it read in one go.  So the
 * second restore of whatever it is knows what the first one used, and a set
 * is kept until the VM boots anew.
 *
 * A set is a hint.  It is not made durable, nothing fails for lack of one,
 * and a restore that is refused with it is tried again without.
 */

#ifndef CONTROL_WORKING_SET_H
#define CONTROL_WORKING_SET_H

#include <stdbool.h>

struct vm;

/* Standby/ of the VM has one. */
bool	working_set_there(const struct vm *);

/* It did not work: standby/ has none any more. */
void	working_set_spoilt(const struct vm *);

/*
 * The VM goes on from standby/, which is about to be removed: keep its set,
 * or else have one recorded (OP_RECORD) when the guest has run a moment.
 */
void	working_set_restored(struct vm *);

/* Its VMM has written its memory to the directory 'name': put the set there. */
void	working_set_saved(const struct vm *, const char *name);

/* What it used says nothing of what it will: it boots, or is forgotten. */
void	working_set_forget(struct vm *);

#endif
