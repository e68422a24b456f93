/* SPDX-License-Identifier: ISC */
/*
 * images.h - images of the store, and those on their way into it
 *
 * The store's files are vmd-image's matter; here are the names, what became
 * of each pull, and who waits for it.  An image is pulled (network) and
 * then converted (its layers merged into a root image) by two jobs.  Asking
 * again for one that is on its way joins it; a failure is shown but never
 * stands in the way of another try.
 */

#ifndef CONTROL_IMAGES_H
#define CONTROL_IMAGES_H

#include <sys/queue.h>
#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/auth.h"
#include "lib/err.h"

#define IMAGES_MAX	4096	/* names */
#define IMAGE_JOBS_MAX	2	/* at work at a time; others are queued */

struct control;
struct image;
struct job;

enum image_status {
	IMAGE_PENDING,
	IMAGE_PULLING,
	IMAGE_CONVERTING,
	IMAGE_READY,
	IMAGE_FAILED,
	IMAGE_STATUSES
};

struct image_waiter {
	TAILQ_ENTRY(image_waiter) entry;
	/* Something changed; image NULL: it was removed. */
	void	(*changed)(struct image_waiter *, struct image *);
};

struct image_progress {
	uint64_t	bytes_done, bytes_total;
	uint64_t	layers_done, layers_total;
};

struct image {
	TAILQ_ENTRY(image)	 entry;
	struct control		*control;
	char			*name;		/* normalised */
	char			*platform;	/* as asked, or NULL */
	uid_t			 owner;		/* who asked first */
	int			 client;	/* whose credentials, or -1 */
	enum image_status	 status;
	char			 error[ERR_TEXT_MAX];
	const char		*error_code;	/* static, or NULL */
	json_t			*info;		/* vmd-image's IMAGE; usable */
	json_t			*next;		/* the one being converted */
	json_t			*tags;
	int64_t			 created_ms;
	struct image_progress	 progress;
	bool			 removing;
	struct job		*job;
	TAILQ_HEAD(, image_waiter) waiters;
};
TAILQ_HEAD(image_list, image);

int	images_load(struct control *, struct err *);

/* Any spelling of a name to the one of the store. */
int	image_name(char **ret, const char *text, struct err *);

/* By any spelling of the name, or by digest.  Refused: not_found. */
struct image *image_find(const struct control *, const char *text,
	    struct err *);

/* Begin a pull, or join one.  The request's members, checked. */
struct image_request {
	const char		*name;
	const char		*platform;	/* or NULL */
	json_t			*tags;		/* borrowed, or NULL */
	uid_t			 uid;		/* owner of a new name */
	int			 client;	/* who asks, or -1; borrowed */
};
int	image_pull(struct image **ret, struct control *,
	    const struct image_request *, struct err *);

/* A digest is there to run, whatever the last pull came to. */
bool	image_usable(const struct image *, const char *platform);
const char *image_digest(const struct image *);
bool	image_busy(const struct image *);

/* Why the last pull failed, for whoever waited for it. */
int	image_err(const struct image *, struct err *);

/*
 * Remove the name, and what only it used.  Refused at once or later through
 * 'done': image_in_use, conflict, what the job says.
 */
void	image_remove(struct image *, void (*done)(void *,
	    const struct err *), void *arg);

/*
 * What the store was given by an import job: an IMAGE line.  The image is
 * then converted.  NULL: out of room, or a name that is another user's, who
 * would run what this one made; said in the err.
 */
struct image *image_imported(struct control *, const json_t *info,
	    const struct caller *, struct err *);

/* May he replace or remove it?  forbidden. */
int	image_mine(const struct image *, const struct caller *, struct err *);

/* The Image of the API. */
json_t	*image_json(const struct image *);

#endif
