/* SPDX-License-Identifier: ISC */
/* vm.c - one VM as the daemon knows it; see vm.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "agent/client.h"
#include "chapi/client.h"
#include "control/control.h"
#include "control/vm.h"
#include "lib/util.h"
#include "os/os.h"

static const char *const state_names[] = {
	[VM_CREATED] = "Created",
	[VM_INITIALIZING] = "Initializing",
	[VM_RUNNING] = "Running",
	[VM_PAUSED] = "Paused",
	[VM_SHUTDOWN] = "Shutdown",
	[VM_STOPPED] = "Stopped",
	[VM_STANDBY] = "Standby",
};
_Static_assert(COUNT(state_names) == VM_STATES, "every state has a name");

const char *
vm_state_name(enum vm_state s)
{
	return state_names[s];
}

int
vm_state_parse(enum vm_state *ret, const char *s, struct err *e)
{
	for (size_t i = 0; i < VM_STATES; i++) {
		if (strcmp(state_names[i], s) == 0) {
			*ret = (enum vm_state)i;
			return 0;
		}
	}
	return err_api(e, ERANGE, "invalid_state", "\"%.32s\" is no state: "
	    "Created, Initializing, Running, Paused, Shutdown, Stopped or "
	    "Standby", s);
}

bool
vm_state_live(enum vm_state s)
{
	return s != VM_STOPPED && s != VM_STANDBY;
}

bool
vm_is_null(const struct vm *vm)
{
	return vm->spec.hypervisor != NULL &&
	    strcmp(vm->spec.hypervisor, "null") == 0;
}

bool
vm_has_agent(const struct vm *vm)
{
	return vm->spec.image != NULL && !vm_is_null(vm);
}

void
vm_once_destroy(struct vm_once *o)
{
	if (o == NULL)
		return;
	free(o->kernel);
	if (o->client != -1)
		(void)close(o->client);
	free(o);
}

const char *
vm_kernel(const struct vm *vm)
{
	return vm->once != NULL && vm->once->kernel != NULL ?
	    vm->once->kernel : vm->spec.kernel;
}

unsigned
vm_vcpus(const struct vm *vm)
{
	return vm->once != NULL && vm->once->vcpus != 0 ? vm->once->vcpus :
	    vm->spec.vcpus;
}

enum spec_boot
vm_boot_device(const struct vm *vm)
{
	return vm->once != NULL && vm->once->boot != BOOT_ANY ?
	    vm->once->boot : vm->spec.boot;
}

bool
vm_belongs(const struct vm *vm, const struct caller *c)
{
	return auth_owns(c, vm->owner) || auth_in_group(c, vm->group);
}

/* A locally administered address: the rest is random (IEEE 802, 8.2). */
static void
mac_new(uint8_t mac[6])
{
	os_random(mac, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

void
vm_if_mac(uint8_t ret[6], const struct vm *vm, size_t i)
{
	memcpy(ret, vm->spec.ifs[i].has_lladdr ? vm->spec.ifs[i].lladdr :
	    vm->mac, 6);
	/* The host's end of a local interface has the address above. */
	if (!vm->spec.ifs[i].has_lladdr)
		ret[2] ^= (uint8_t)((i + 1) << 4);
}

struct vm *
vm_new(struct control *ctl, struct spec *spec, uid_t owner)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (vm == NULL)
		return NULL;
	vm->control = ctl;
	vm->spec = *spec;
	memset(spec, 0, sizeof(*spec));
	vm->owner = owner;
	vm->group = GROUP_NONE;
	id_new(vm->id);
	mac_new(vm->mac);
	vm->created_ms = vm->state_ms = time_ms();
	vm->state_since = os_now_ms();
	vm->state = VM_STOPPED;
	vm->dir = vm->ready_fd = vm->ready_conn = -1;
	TAILQ_INIT(&vm->ops);
	TAILQ_INIT(&vm->waiters);
	return vm;
}

static void
event_drop(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

void
vm_destroy(struct vm *vm)
{
	if (vm == NULL)
		return;
	spec_fini(&vm->spec);
	free(vm->digest);
	json_decref(vm->image);
	json_decref(vm->config);
	vm_once_destroy(vm->once);
	chapi_client_destroy(vm->chapi);
	if (vm->probe != NULL)
		agent_close(vm->probe);
	event_drop(&vm->probe_timer);
	event_drop(&vm->record_timer);
	event_drop(&vm->ready);
	event_drop(&vm->restart_timer);
	event_drop(&vm->reap_timer);
	if (vm->ready_fd != -1)
		(void)close(vm->ready_fd);
	if (vm->ready_conn != -1)
		(void)close(vm->ready_conn);
	if (vm->dir != -1)
		(void)close(vm->dir);
	free(vm);
}

void
vm_set_state(struct vm *vm, enum vm_state s)
{
	uint64_t now = os_now_ms();
	struct vm_waiter *w, *next;

	if (vm->state == s)
		return;
	vm->phase_ms[vm->state] += now - vm->state_since;
	vm->state_since = now;
	vm->state_ms = time_ms();
	vm->state = s;
	vm->state_error[0] = '\0';
	for (w = TAILQ_FIRST(&vm->waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		w->changed(w, vm);
	}
}
