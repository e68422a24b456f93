/* SPDX-License-Identifier: ISC */
/* serve_private.h - between serve.c, message.c and queue.c only */

#ifndef VIOD_SERVE_PRIVATE_H
#define VIOD_SERVE_PRIVATE_H

#include "viod/serve.h"

/* Log what the guest or the front-end did wrong, within a budget. */
void	viod_complain(struct viod *, const struct err *);

/* Signal an eventfd or pipe; -1 is allowed. */
void	viod_signal(int fd);

/* Close what is in the slot and put fd there. */
void	viod_replace_fd(int *slot, int fd);

/*
 * Start the queue if all that it takes has been said; -1 when what was said
 * cannot be.  Stop: drained, its base is where to go on.  Forget: stopped,
 * and nothing of what was said is left.
 */
int	viod_queue_start(struct viod *, unsigned queue, struct err *);
void	viod_queue_stop(struct viod *, unsigned queue);
void	viod_queue_forget(struct viod *, unsigned queue);

/* The same for all of them. */
void	viod_stop(struct viod *);
bool	viod_any_running(const struct viod *);

/* No log any more. */
void	viod_log_forget(struct viod *);

/* Nothing refers to guest memory any more. */
void	viod_drain(struct viod *);

/* As the driver does it: queues stop, nothing is agreed on. */
void	viod_reset(struct viod *);

/* Act on a message of the front-end and answer it.  -1: hang up. */
int	viod_message(struct viod *, struct vhost_user_msg *, struct err *);

#endif
