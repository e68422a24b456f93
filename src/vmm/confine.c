/* SPDX-License-Identifier: ISC */
/* confine.c - vmm gives away what its VM does not need; see confine.h */

#include "chapi/vm_config.h"
#include "lib/log.h"
#include "os/sandbox.h"
#include "vmm/confine.h"

int
confine_enter(const struct confine *c, const struct vm_config *v,
    int snapshot, struct err *e)
{
	struct sandbox s = { .program = SANDBOX_VMM };
	char missing[SANDBOX_MISSING_MAX];

	sandbox_add(&s, ".", SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add(&s, "/dev/kvm",
	    SANDBOX_READ | SANDBOX_WRITE | SANDBOX_DEVICE);
	sandbox_add(&s, v->kernel, SANDBOX_READ);
	if (v->initramfs != NULL)
		sandbox_add(&s, v->initramfs, SANDBOX_READ);
	for (unsigned i = 0; i < c->npaths; i++)
		sandbox_add(&s, c->paths[i], SANDBOX_READ | SANDBOX_WRITE);
	if (snapshot != -1)
		sandbox_add_fd(&s, snapshot, SANDBOX_READ);
	if (sandbox_enter(&s, missing, e) == -1)
		return -1;
	if (missing[0] != '\0')
		log_debug("sandbox without %s", missing);
	return 0;
}
