/* SPDX-License-Identifier: ISC */
/* null.c - an accelerator that plays scripts; see accel_null.h */

#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/null.h"
#include "lib/util.h"

#define IRQFDS_MAX	ACCEL_GSI_MAX
#define IOEVENTS_MAX	1024

struct accel_vm {
	struct accel_setup	 setup;
};

/* What is known of a vCPU when there is none, too. */
struct player {
	const struct null_step	*steps;
	unsigned		 n;
	uint64_t		*answers;	/* n of them */
	bool			 made;		/* there is a vCPU */
	bool			 over;		/* it waits at the end */
	bool			 kicked;
	unsigned		 kicks, nmis;
	struct accel_debug	 debug;
};

/* All that was done; the lock guards it, the condition tells of changes. */
static struct {
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;
	struct player		 cpu[ACCEL_CPUS_MAX];
	struct accel_memory	 slot[ACCEL_SLOTS_MAX];
	uint64_t		*dirty[ACCEL_SLOTS_MAX];
	bool			 line[ACCEL_GSI_MSI];
	unsigned		 raised[ACCEL_GSI_MSI];
	bool			 routed[ACCEL_GSI_MAX];
	struct accel_msi	 route[ACCEL_GSI_MAX];
	unsigned		 nirqfds;
	struct accel_irqfd	 irqfds[IRQFDS_MAX];
	unsigned		 nioevents;
	struct accel_ioevent	 ioevents[IOEVENTS_MAX];
} all = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static void
lock(void)
{
	(void)pthread_mutex_lock(&all.lock);
}

static void
unlock(void)
{
	(void)pthread_mutex_unlock(&all.lock);
}

/* --- VM ------------------------------------------------------------------ */

static int
null_check(struct err *e)
{
	(void)e;
	return 0;
}

static int
null_vm_new(struct accel_vm **ret, const struct accel_setup *s, struct err *e)
{
	struct accel_vm *vm;

	if (s->cpus < 1 || s->cpus > ACCEL_CPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: 1 to %d can be had",
		    s->cpus, ACCEL_CPUS_MAX);
	if ((vm = calloc(1, sizeof(*vm))) == NULL)
		return err_sys(e, "VM");
	vm->setup = *s;
	*ret = vm;
	return 0;
}

static void
null_vm_destroy(struct accel_vm *vm)
{
	if (vm == NULL)
		return;
	lock();
	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++) {
		free(all.dirty[i]);
		all.dirty[i] = NULL;
		all.slot[i].bytes = 0;
	}
	unlock();
	free(vm);
}

static size_t
bitmap_words(unsigned slot)
{
	return (all.slot[slot].bytes / 4096 + 63) / 64;
}

static int
null_map(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	int r = 0;

	(void)vm;
	if (m->slot >= ACCEL_SLOTS_MAX || (m->gpa | m->bytes) % 4096 != 0)
		return err_set(e, EINVAL, "memory slot %u", m->slot);
	lock();
	free(all.dirty[m->slot]);
	all.dirty[m->slot] = NULL;
	all.slot[m->slot] = *m;
	if (m->log && m->bytes > 0) {
		all.dirty[m->slot] = calloc(bitmap_words(m->slot), 8);
		if (all.dirty[m->slot] == NULL)
			r = err_sys(e, "memory slot");
	}
	unlock();
	return r;
}

static int
null_dirty(struct accel_vm *vm, unsigned slot, uint64_t *bitmap,
    struct err *e)
{
	int r = 0;

	(void)vm;
	lock();
	if (slot >= ACCEL_SLOTS_MAX || all.dirty[slot] == NULL)
		r = err_set(e, EINVAL, "memory slot %u has no log", slot);
	else {
		memcpy(bitmap, all.dirty[slot], bitmap_words(slot) * 8);
		memset(all.dirty[slot], 0, bitmap_words(slot) * 8);
	}
	unlock();
	return r;
}

/* --- interrupts and events ----------------------------------------------- */

static int
null_irq(struct accel_vm *vm, unsigned gsi, int level, struct err *e)
{
	(void)vm;
	if (gsi >= ACCEL_GSI_MSI)
		return err_set(e, EINVAL, "GSI %u is no line", gsi);
	lock();
	if (level != 0 && !all.line[gsi])
		all.raised[gsi]++;
	all.line[gsi] = level != 0;
	unlock();
	return 0;
}

static int
null_irqfd(struct accel_vm *vm, const struct accel_irqfd *q, struct err *e)
{
	unsigned i;
	int r = 0;

	(void)vm;
	if (q->gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u", q->gsi);
	lock();
	for (i = 0; i < all.nirqfds; i++)
		if (all.irqfds[i].fd == q->fd && (!q->remove ||
		    all.irqfds[i].gsi == q->gsi))
			break;
	if (q->remove && i < all.nirqfds)
		all.irqfds[i] = all.irqfds[--all.nirqfds];
	else if (!q->remove && i < all.nirqfds)
		r = err_set(e, EBUSY, "irqfd: the descriptor is taken");
	else if (!q->remove && i == IRQFDS_MAX)
		r = err_set(e, ENOSPC, "irqfd");
	else if (!q->remove)
		all.irqfds[all.nirqfds++] = *q;
	unlock();
	return r;
}

static int
null_set_msi(struct accel_vm *vm, unsigned gsi, const struct accel_msi *m,
    struct err *e)
{
	(void)vm;
	if (gsi < ACCEL_GSI_MSI || gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u is not for messages", gsi);
	lock();
	all.routed[gsi] = m != NULL;
	if (m != NULL)
		all.route[gsi] = *m;
	unlock();
	return 0;
}

/* As KVM: two that could both answer a write are refused. */
static bool
collides(const struct accel_ioevent *a, const struct accel_ioevent *b)
{
	return a->addr == b->addr && a->pio == b->pio &&
	    (a->len == b->len || a->len == 0 || b->len == 0) &&
	    (!a->match || !b->match || a->value == b->value);
}

static bool
same_ioevent(const struct accel_ioevent *a, const struct accel_ioevent *b)
{
	return a->fd == b->fd && a->addr == b->addr && a->pio == b->pio &&
	    a->len == b->len && a->match == b->match &&
	    (!a->match || a->value == b->value);
}

static int
null_ioevent(struct accel_vm *vm, const struct accel_ioevent *v,
    struct err *e)
{
	unsigned i;
	int r = 0;

	(void)vm;
	lock();
	for (i = 0; i < all.nioevents; i++)
		if (v->remove ? same_ioevent(&all.ioevents[i], v) :
		    collides(&all.ioevents[i], v))
			break;
	if (v->remove && i == all.nioevents)
		r = err_set(e, ENOENT, "ioeventfd: there is none");
	else if (v->remove)
		all.ioevents[i] = all.ioevents[--all.nioevents];
	else if (i < all.nioevents)
		r = err_set(e, EEXIST, "ioeventfd: the address is taken");
	else if (i == IOEVENTS_MAX)
		r = err_set(e, ENOSPC, "ioeventfd");
	else
		all.ioevents[all.nioevents++] = *v;
	unlock();
	return r;
}

/* --- vCPUs --------------------------------------------------------------- */

static int
null_vcpu_new(struct accel_vcpu **ret, struct accel_vm *vm, unsigned id,
    struct err *e)
{
	struct accel_vcpu *c;

	if (id >= vm->setup.cpus)
		return err_set(e, EINVAL, "vCPU %u of %u", id,
		    vm->setup.cpus);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return err_sys(e, "vCPU");
	c->id = id;
	null_reset_regs(c);
	lock();
	all.cpu[id].made = true;
	all.cpu[id].over = all.cpu[id].n == 0;
	unlock();
	*ret = c;
	return 0;
}

static void
null_vcpu_destroy(struct accel_vcpu *c)
{
	if (c == NULL)
		return;
	lock();
	all.cpu[c->id].made = false;
	(void)pthread_cond_broadcast(&all.changed);
	unlock();
	free(c);
}

static uint64_t
step_value(const struct null_step *s)
{
	uint64_t v = s->value;

	if (s->string != NULL)
		memcpy(&v, s->string, MIN(s->len == 0 ? 4 : s->len, 8U));
	return v;
}

/* Is the write of a step an ioeventfd's?  Locked. */
static bool
signalled(const struct null_step *s)
{
	const struct accel_ioevent *v;
	unsigned len = s->len == 0 ? 4 : s->len;
	const uint64_t one = 1, mask = len >= 8 ? UINT64_MAX :
	    (1ULL << 8 * len) - 1;

	if (!s->write || (s->why != ACCEL_EXIT_MMIO &&
	    s->why != ACCEL_EXIT_PIO))
		return false;
	for (unsigned i = 0; i < all.nioevents; i++) {
		v = &all.ioevents[i];
		if (v->pio != (s->why == ACCEL_EXIT_PIO) ||
		    v->addr != s->addr || (v->len != 0 && v->len != len) ||
		    (v->match && ((v->value ^ step_value(s)) & mask) != 0))
			continue;
		(void)!write(v->fd, &one, sizeof(one));
		return true;
	}
	return false;
}

static void
play(struct accel_vcpu *c, struct accel_exit *x, const struct null_step *s)
{
	size_t bytes;

	*x = (struct accel_exit){ .why = s->why };
	x->addr = s->addr;
	x->len = s->len == 0 ? 4 : s->len;
	x->count = s->count == 0 ? 1 : s->count;
	x->write = s->write;
	x->data = c->data;
	bytes = MIN((size_t)x->len * x->count, sizeof(c->data));
	memset(c->data, 0, sizeof(c->data));
	if (s->write && s->string != NULL)
		memcpy(c->data, s->string, bytes);
	else if (s->write)
		memcpy(c->data, &s->value, MIN(bytes, sizeof(s->value)));
	c->reading = !s->write;
	if (s->why == ACCEL_EXIT_BROKEN)
		memcpy(x->text, "script", sizeof("script"));
}

static int
null_vcpu_run(struct accel_vcpu *c, struct accel_exit *x, struct err *e)
{
	struct player *p = &all.cpu[c->id];

	(void)e;
	lock();
	if (c->reading)
		memcpy(&p->answers[c->next - 1], c->data, 8);
	c->reading = false;
	for (;;) {
		if (p->kicked) {
			p->kicked = false;
			*x = (struct accel_exit){ .why = ACCEL_EXIT_KICK };
			break;
		}
		if (c->next < p->n) {
			if (signalled(&p->steps[c->next++]))
				continue;
			play(c, x, &p->steps[c->next - 1]);
			break;
		}
		c->next = p->n = 0;
		p->over = true;
		(void)pthread_cond_broadcast(&all.changed);
		(void)pthread_cond_wait(&all.changed, &all.lock);
	}
	unlock();
	return 0;
}

static void
null_vcpu_kick(struct accel_vcpu *c)
{
	lock();
	all.cpu[c->id].kicked = true;
	all.cpu[c->id].kicks++;
	(void)pthread_cond_broadcast(&all.changed);
	unlock();
}

const struct accel accel_null = {
	.name		= "null",
	.check		= null_check,
	.vm_new		= null_vm_new,
	.vm_destroy	= null_vm_destroy,
	.map		= null_map,
	.dirty		= null_dirty,
	.irq		= null_irq,
	.irqfd		= null_irqfd,
	.msi		= null_set_msi,
	.ioevent	= null_ioevent,
	.vcpu_new	= null_vcpu_new,
	.vcpu_destroy	= null_vcpu_destroy,
	.vcpu_run	= null_vcpu_run,
	.vcpu_kick	= null_vcpu_kick,
	.vcpu_reset	= null_vcpu_reset,
	.vm_reset	= null_vm_reset,
	.nmi		= null_nmi,
	.vm_save	= null_vm_save,
	.vm_load	= null_vm_load,
	.vcpu_save	= null_vcpu_save,
	.vcpu_load	= null_vcpu_load,
	.debug		= null_set_debug,
	.translate	= null_translate,
	.x86		= &null_x86,
};

/* --- for tests ----------------------------------------------------------- */

void
null_forget(void)
{
	lock();
	for (unsigned i = 0; i < ACCEL_CPUS_MAX; i++) {
		free(all.cpu[i].answers);
		all.cpu[i] = (struct player){ .n = 0 };
	}
	memset(all.line, 0, sizeof(all.line));
	memset(all.raised, 0, sizeof(all.raised));
	memset(all.routed, 0, sizeof(all.routed));
	all.nirqfds = all.nioevents = 0;
	unlock();
}

void
null_script(unsigned cpu, const struct null_step *steps, unsigned n)
{
	struct player *p = &all.cpu[cpu];

	lock();
	if (p->n != 0 && p->made)
		abort();		/* the one before has not ended */
	free(p->answers);
	p->answers = calloc(n + 1, sizeof(*p->answers));
	if (p->answers == NULL)
		abort();
	p->steps = steps;
	p->n = n;
	p->over = n == 0;
	(void)pthread_cond_broadcast(&all.changed);
	unlock();
}

static bool
all_over(void)
{
	for (unsigned i = 0; i < ACCEL_CPUS_MAX; i++)
		if (all.cpu[i].made && !all.cpu[i].over)
			return false;
	return true;
}

void
null_finish(void)
{
	lock();
	while (!all_over())
		(void)pthread_cond_wait(&all.changed, &all.lock);
	unlock();
}

uint64_t
null_answer(unsigned cpu, unsigned n)
{
	uint64_t v;

	lock();
	v = all.cpu[cpu].answers[n];
	unlock();
	return v;
}

bool
null_line(unsigned gsi)
{
	bool level;

	lock();
	level = all.line[gsi];
	unlock();
	return level;
}

unsigned
null_raised(unsigned gsi)
{
	unsigned n;

	lock();
	n = all.raised[gsi];
	unlock();
	return n;
}

bool
null_msi(unsigned gsi, struct accel_msi *ret)
{
	bool routed;

	lock();
	routed = all.routed[gsi];
	if (routed)
		*ret = all.route[gsi];
	unlock();
	return routed;
}

unsigned
null_interrupts(unsigned gsi)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t n, sum = 0;

	lock();
	for (unsigned i = 0; i < all.nirqfds; i++) {
		p.fd = all.irqfds[i].fd;
		if (all.irqfds[i].gsi == gsi && poll(&p, 1, 0) == 1 &&
		    read(p.fd, &n, sizeof(n)) == sizeof(n))
			sum += n;
	}
	unlock();
	return (unsigned)sum;
}

void
null_eoi(unsigned gsi)
{
	const uint64_t one = 1;

	lock();
	for (unsigned i = 0; i < all.nirqfds; i++)
		if (all.irqfds[i].gsi == gsi && all.irqfds[i].resample != -1)
			(void)!write(all.irqfds[i].resample, &one,
			    sizeof(one));
	unlock();
}

unsigned
null_irqfds(void)
{
	unsigned n;

	lock();
	n = all.nirqfds;
	unlock();
	return n;
}

unsigned
null_ioevents(void)
{
	unsigned n;

	lock();
	n = all.nioevents;
	unlock();
	return n;
}

unsigned
null_kicks(unsigned cpu)
{
	unsigned n;

	lock();
	n = all.cpu[cpu].kicks;
	unlock();
	return n;
}

unsigned
null_nmis(unsigned cpu)
{
	unsigned n;

	lock();
	n = all.cpu[cpu].nmis;
	unlock();
	return n;
}

void
null_count_nmi(unsigned cpu)
{
	lock();
	all.cpu[cpu].nmis++;
	unlock();
}

void
null_keep_debug(unsigned cpu, const struct accel_debug *d)
{
	lock();
	all.cpu[cpu].debug = *d;
	unlock();
}

struct accel_debug
null_debug(unsigned cpu)
{
	struct accel_debug d;

	lock();
	d = all.cpu[cpu].debug;
	unlock();
	return d;
}

void
null_touch(unsigned slot, uint64_t page)
{
	lock();
	if (all.dirty[slot] != NULL && page < all.slot[slot].bytes / 4096)
		all.dirty[slot][page / 64] |= 1ULL << page % 64;
	unlock();
}

struct accel_memory
null_memory(unsigned slot)
{
	struct accel_memory m;

	lock();
	m = all.slot[slot];
	unlock();
	return m;
}
