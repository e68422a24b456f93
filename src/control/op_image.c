/* SPDX-License-Identifier: ISC */
/*
 * op_image.c - the image of a VM that was made before it was looked for
 *
 * A VM of vm.conf exists before its first start; that start finds its image,
 * or pulls it and waits.
 */

#include <errno.h>
#include <string.h>

#include "control/control.h"
#include "control/images.h"
#include "control/op.h"
#include "lib/util.h"

void
vm_take_image(struct vm *vm, const struct image *image)
{
	static const char *const names[] = {
		"platform", "entrypoint", "cmd", "env", "working_dir", "user",
		"stop_signal",
	};

	vm->digest = strdup(image_digest(image));
	vm->image = json_object();
	for (size_t i = 0; i < COUNT(names); i++) {
		json_t *v = json_object_get(image->info, names[i]);

		if (v != NULL)
			(void)json_object_set(vm->image, names[i], v);
	}
}

static void
finish(struct op *op, struct image *i)
{
	struct err e;

	if (i != NULL && image_usable(i, op->vm->spec.platform)) {
		vm_take_image(op->vm, i);
		op->with_image(op);
		return;
	}
	if (i != NULL)
		(void)image_err(i, &e);
	else
		(void)err_api(&e, ENOENT, "not_found", "image %s was removed",
		    op->vm->spec.image);
	op_finish(op, &e);
}

static void
on_image(struct image_waiter *w, struct image *i)
{
	struct op *op = CONTAINER_OF(w, struct op, waiter);

	if (i != NULL && image_busy(i))
		return;
	if (i != NULL)
		TAILQ_REMOVE(&i->waiters, w, entry);
	finish(op, i);
}

void
op_image(struct op *op, void (*then)(struct op *))
{
	struct vm *vm = op->vm;
	struct image_request r = { .name = vm->spec.image,
	    .platform = vm->spec.platform, .uid = vm->owner, .client = -1 };
	struct image *i;
	struct err e;

	op->with_image = then;
	if (vm->digest != NULL || !vm_has_agent(vm)) {
		then(op);
		return;
	}
	i = image_find(vm->control, vm->spec.image, &e);
	if (i == NULL && strcmp(e.code, "not_found") != 0) {
		op_finish(op, &e);
		return;
	}
	if (i != NULL && image_usable(i, vm->spec.platform)) {
		finish(op, i);
		return;
	}
	if (image_pull(&i, vm->control, &r, &e) == -1) {
		op_finish(op, &e);
		return;
	}
	/* It may have failed at once. */
	if (!image_busy(i)) {
		finish(op, i);
		return;
	}
	op->waiter.changed = on_image;
	TAILQ_INSERT_TAIL(&i->waiters, &op->waiter, entry);
}
