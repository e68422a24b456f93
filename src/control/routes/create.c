/* SPDX-License-Identifier: ISC */
/*
 * create.c - POST /instances
 *
 *	request checked -> image there, or pulled and waited for -> volumes,
 *	admission, name -> started -> recorded -> 201
 *
 * Nothing is made before everything was checked; what fails after that is
 * removed again before the refusal is sent.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/admission.h"
#include "control/hypervisors.h"
#include "control/images.h"
#include "control/instance.h"
#include "control/op.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

struct creation {
	struct image_waiter	 waiter;	/* first */
	struct request		*request;
	struct control		*control;
	struct image		*image;		/* waited for, or NULL */
	struct spec		 spec;
	struct err		 err;		/* why it is being undone */
};

static void
creation_free(struct creation *c)
{
	if (c == NULL)
		return;
	if (c->image != NULL)
		TAILQ_REMOVE(&c->image->waiters, &c->waiter, entry);
	spec_fini(&c->spec);
	free(c);
}

static void
refuse(struct creation *c, const struct err *e)
{
	reply_err(c->request, e);
	creation_free(c);
}

/* --- the start ------------------------------------------------------------ */

static void
on_undone(void *arg, struct vm *vm, const struct err *e)
{
	struct creation *c = arg;

	(void)vm;
	(void)e;
	refuse(c, &c->err);
}

static void
on_started(void *arg, struct vm *vm, const struct err *e)
{
	struct creation *c = arg;

	if (e == NULL) {
		reply_json(c->request, 201, vm_json(vm));
		creation_free(c);
		return;
	}
	c->err = *e;
	if (vm == NULL)
		refuse(c, &c->err);
	else
		vm_op(vm, OP_REMOVE, NULL, on_undone, c);
}

static void
create(struct creation *c, const struct image *image)
{
	const struct caller *caller = request_caller(c->request);
	struct op_options o = { .client = request_socket(c->request) };
	OWN(vm_destroy) struct vm *vm = NULL;
	struct err e;

	if (volumes_resolve(c->control, caller, &c->spec, NULL, &e) == -1) {
		refuse(c, &e);
		return;
	}
	vm = vm_new(c->control, &c->spec, caller->uid);
	if (vm == NULL) {
		(void)err_sys(&e, "instance");
		refuse(c, &e);
		return;
	}
	vm->creating = true;
	if (image != NULL)
		vm_take_image(vm, image);
	if (admission_create(vm, &e) == -1 ||
	    vm_table_add(c->control, vm, &e) == -1) {
		refuse(c, &e);
		return;
	}
	vm_op(take(&vm), OP_START, &o, on_started, c);
}

/* --- the image ------------------------------------------------------------ */

static void
on_image(struct image_waiter *w, struct image *i)
{
	struct creation *c = (struct creation *)w;
	struct err e;

	if (i == NULL) {
		c->image = NULL;
		(void)err_api(&e, ENOENT, "not_found",
		    "image %s was removed", c->spec.image);
		refuse(c, &e);
		return;
	}
	if (image_busy(i))
		return;
	TAILQ_REMOVE(&i->waiters, w, entry);
	c->image = NULL;
	if (i->status == IMAGE_READY && image_usable(i, c->spec.platform)) {
		create(c, i);
	} else {
		(void)image_err(i, &e);
		refuse(c, &e);
	}
}

static void
pull_and_wait(struct creation *c)
{
	const struct image_request r = {
		.name = c->spec.image,
		.platform = c->spec.platform,
		.uid = request_caller(c->request)->uid,
		.client = request_socket(c->request),
	};
	struct image *i;
	struct err e;

	if (image_pull(&i, c->control, &r, &e) == -1) {
		refuse(c, &e);
		return;
	}
	/* It may have failed at once. */
	if (!image_busy(i)) {
		(void)image_err(i, &e);
		refuse(c, &e);
		return;
	}
	c->image = i;
	c->waiter.changed = on_image;
	TAILQ_INSERT_TAIL(&i->waiters, &c->waiter, entry);
}

static int
check_name(const struct control *ctl, const char *name, struct err *e)
{
	const struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return err_api(e, EEXIST, "name_conflict", "the name "
			    "\"%s\" is taken: choose another or remove that "
			    "instance", name);
	return 0;
}

/*
 * What vmd was told to use where a request does not say.  One that is named
 * and cannot work is refused before anything is pulled.
 */
static int
check_hypervisor(struct creation *c, struct err *e)
{
	const char *word = c->control->setup.hypervisor;
	const char *platform = c->spec.platform;
	const char *arch = platform == NULL ? os_arch() :
	    strncmp(platform, "linux/arm64", 11) == 0 ? "arm64" : "amd64";

	if (c->spec.hypervisor == NULL && strcmp(word, "auto") != 0) {
		c->spec.hypervisor = strdup(word);
		if (c->spec.hypervisor == NULL)
			return err_sys(e, "hypervisor");
	}
	return hypervisor_choose(c->control, c->spec.hypervisor, arch,
	    e) == NULL ? -1 : 0;
}

/* What was asked for; with a template, what that has as well. */
static int
read_request(struct creation *c, struct err *e)
{
	const json_t *doc = request_json(c->request);
	own_json json_t *whole = NULL;

	if (json_object_get(doc, "template") != NULL) {
		if (instance_request(&whole, c->control,
		    request_caller(c->request), doc, e) == -1)
			return -1;
		doc = whole;
	}
	return spec_parse(&c->spec, doc, e);
}

void
route_instance_create(struct request *r)
{
	struct creation *c = calloc(1, sizeof(*c));
	const struct image *i = NULL;
	struct err e;

	if (c == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	c->request = r;
	c->control = request_context(r);
	if (request_json(r) == NULL) {
		(void)err_api(&e, EINVAL, "invalid_request",
		    "a body with name and image is needed");
		refuse(c, &e);
		return;
	}
	if (read_request(c, &e) == -1 ||
	    check_hypervisor(c, &e) == -1 ||
	    check_name(c->control, c->spec.name, &e) == -1) {
		refuse(c, &e);
		return;
	}
	if (c->spec.image == NULL || (c->spec.hypervisor != NULL &&
	    strcmp(c->spec.hypervisor, "null") == 0)) {
		create(c, NULL);
		return;
	}
	i = image_find(c->control, c->spec.image, &e);
	if (i == NULL && strcmp(e.code, "not_found") != 0)
		refuse(c, &e);
	else if (i != NULL && image_usable(i, c->spec.platform))
		create(c, i);
	else if (i == NULL && strncmp(c->spec.image, "sha256:", 7) == 0)
		refuse(c, &e);
	else
		pull_and_wait(c);
}
