/* SPDX-License-Identifier: ISC */
/* null_x86.c - registers of a processor that is not there */

#include <errno.h>
#include <string.h>

#include "accel/null.h"
#include "accel/state.h"
#include "lib/json.h"

#define FORMAT	"null 1"

void
null_reset_regs(struct accel_vcpu *c)
{
	c->regs = (struct x86_regs){
		.rip = 0xfff0, .rflags = 2, .cr0 = 0x60000010,
	};
	c->regs.seg[X86_CS].base = 0xffff0000;
	c->regs.seg[X86_CS].selector = 0xf000;
}

static int
null_get_regs(struct accel_vcpu *c, struct x86_regs *ret, struct err *e)
{
	(void)e;
	*ret = c->regs;
	return 0;
}

static int
null_set_regs(struct accel_vcpu *c, const struct x86_regs *r, struct err *e)
{
	(void)e;
	c->regs = *r;
	return 0;
}

int
null_set_debug(struct accel_vcpu *c, const struct accel_debug *d,
    struct err *e)
{
	if (d->npoints > NULL_POINTS)
		return err_set(e, ENOSPC, "the processor has only %d "
		    "breakpoints", NULL_POINTS);
	null_keep_debug(c->id, d);
	return 0;
}

int
null_nmi(struct accel_vcpu *c, struct err *e)
{
	(void)e;
	null_count_nmi(c->id);
	return 0;
}

/* The upper half of the addresses is not mapped, the lower one to 1. */
int
null_translate(struct accel_vcpu *c, uint64_t va, uint64_t *ret,
    struct err *e)
{
	(void)c;
	if (va >> 63 != 0)
		return err_set(e, EFAULT, "%#llx is not mapped",
		    (unsigned long long)va);
	*ret = va;
	return 0;
}

int
null_vcpu_reset(struct accel_vcpu *c, struct err *e)
{
	(void)e;
	null_reset_regs(c);
	return 0;
}

int
null_vm_reset(struct accel_vm *vm, struct err *e)
{
	(void)vm;
	(void)e;
	return 0;
}

json_t *
null_vm_save(struct accel_vm *vm, struct err *e)
{
	json_t *o = json_pack("{s:s}", "format", FORMAT);

	(void)vm;
	if (o == NULL)
		(void)err_set(e, ENOMEM, "state: out of memory");
	return o;
}

static int
check_format(const json_t *o, struct err *e)
{
	const char *s = json_string_value(json_object_get(o, "format"));

	if (s == NULL || strcmp(s, FORMAT) != 0)
		return err_set(e, ENOTSUP, "state: format %s is not \"%s\"",
		    s != NULL ? s : "(none)", FORMAT);
	return 0;
}

int
null_vm_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	(void)vm;
	return check_format(o, e);
}

json_t *
null_vcpu_save(struct accel_vcpu *c, struct err *e)
{
	own_json json_t *o = null_vm_save(NULL, e);

	if (o == NULL ||
	    state_put(o, "regs", &c->regs, sizeof(c->regs), e) == -1)
		return NULL;
	return take(&o);
}

int
null_vcpu_load(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	if (check_format(o, e) == -1)
		return -1;
	return state_get(o, "regs", &c->regs, sizeof(c->regs), e);
}

const struct accel_x86 null_x86 = {
	.get_regs	= null_get_regs,
	.set_regs	= null_set_regs,
};
