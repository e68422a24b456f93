/* SPDX-License-Identifier: ISC */
/* volumes.h - disks that outlive VMs: STATE/volumes/ID.img, raw ext4 */

#ifndef CONTROL_VOLUMES_H
#define CONTROL_VOLUMES_H

#include <sys/queue.h>
#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/auth.h"
#include "control/spec.h"
#include "lib/err.h"

#define VOLUMES_MAX	4096
#define VOLUME_ID_MAX	63	/* bytes; the pattern of names */
#define VOLUME_GB_MAX	16384

struct control;

struct volume {
	TAILQ_ENTRY(volume) entry;
	char		 id[VOLUME_ID_MAX + 1];
	char		*name;
	uid_t		 owner;
	uint64_t	 size_gb;
	json_t		*tags;		/* object or NULL */
	int64_t		 created_ms;
	bool		 ready;		/* acknowledged */
	bool		 durable;	/* not ready, and that must last */
	struct control	*control;
	void		(*done)(void *arg, struct volume *, const struct err *);
	void		*arg;
};
TAILQ_HEAD(volume_list, volume);

/* Read them from the database; those that are not whole are removed. */
int	volumes_load(struct control *, struct err *);

/* Make one of a CreateVolumeRequest; 'done' is called later. */
void	volume_create(struct control *, const struct caller *,
	    const json_t *request, void (*done)(void *, struct volume *,
	    const struct err *), void *arg);

/* By id, then by name.  Refused: not_found, ambiguous. */
struct volume *volume_find(const struct control *, const struct caller *,
	    const char *text, struct err *);

/* Refused while an instance names it: conflict. */
int	volume_remove(struct volume *, struct err *);

json_t	*volume_json(const struct volume *);

/*
 * The volumes a spec names: found, allowed and free; names become ids.
 * 'but' (or NULL) has them perhaps already.
 */
int	volumes_resolve(struct control *, const struct caller *,
	    struct spec *, const struct vm *but, struct err *);

/* Its file. */
int	volume_open(int *ret, const struct control *, const char *id,
	    bool readonly, struct err *);

/* Bytes of all, logical. */
uint64_t volumes_bytes(const struct control *);

#endif
