/* SPDX-License-Identifier: ISC */
/* vm_retry.c - a start whose disk is still being let go; see vm_retry.h */

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "vmd/vm_retry.h"
#include "vmd/vm_start.h"

struct retry {
	LIST_ENTRY(retry)	 next;
	struct monitor		*m;
	struct asker		 asker;
	struct event		*timer;
	unsigned		 tries;
	struct priv_start	 request;	/* owns its descriptors */
};

static LIST_HEAD(, retry)	retries;
static unsigned			nretries;

static void
retry_destroy(struct retry *r)
{
	LIST_REMOVE(r, next);
	nretries--;
	if (r->timer != NULL)
		event_free(r->timer);
	priv_close(PRIV_VM_START, &r->request);
	free(r);
}

void
vm_retry_fini(void)
{
	while (!LIST_EMPTY(&retries))
		retry_destroy(LIST_FIRST(&retries));
}

static bool
worth_it(const struct err *e)
{
	return e->code != NULL && strcmp(e->code, "disk_in_use") == 0;
}

static void
again(struct retry *r)
{
	struct timeval tv = { 0, VM_RETRY_MS * 1000 };

	r->tries++;
	(void)evtimer_add(r->timer, &tv);
}

static void
retry_timer(evutil_socket_t fd, short what, void *arg)
{
	struct retry *r = arg;
	struct err e;

	(void)fd;
	(void)what;
	/* Who asked is gone: nobody wants the VM now. */
	if (r->asker.generation != control_generation(r->m) ||
	    r->m->ending) {
		retry_destroy(r);
		return;
	}
	if (vm_start(r->m, &r->request, r->asker, &e) == -1) {
		if (worth_it(&e) && r->tries < VM_RETRY_TRIES) {
			again(r);
			return;
		}
		control_refuse(r->m, r->asker, &e);
	}
	retry_destroy(r);
}

int
vm_retry_start(struct monitor *m, struct priv_start *request,
    struct asker asker, struct err *e)
{
	struct retry *r;

	if (vm_start(m, request, asker, e) == 0)
		return 0;
	if (!worth_it(e) || nretries >= VM_RETRIES_MAX)
		return -1;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -1;
	r->m = m;
	r->asker = asker;
	r->request = *request;
	priv_init(PRIV_VM_START, request);
	LIST_INSERT_HEAD(&retries, r, next);
	nretries++;
	r->timer = evtimer_new(m->base, retry_timer, r);
	if (r->timer == NULL) {
		retry_destroy(r);
		return -1;
	}
	again(r);
	return 0;
}
