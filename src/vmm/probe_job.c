/* SPDX-License-Identifier: ISC */
/* probe_job.c - vmm -P: can VMs run here?  See probe_job.h */

#include <errno.h>
#include <stdio.h>

#include "accel/accel.h"
#include "accel/device.h"
#include "accel/probe.h"
#include "lib/json.h"
#include "vmm/probe_job.h"

#define REPORT_FD	3	/* by contract */

int
probe_job(int kvm)
{
	own_json json_t *line = NULL;
	own_mem char *text = NULL;
	unsigned slowdown = 0;
	struct err e = { 0 };
	int r;

	if (kvm != -1)
		accel_device_give(kvm);
	r = accel_host->check(&e);
	if (r == 0)
		r = accel_probe(&slowdown, &e);
	line = json_pack("{s:s, s:b, s:s, s:s, s:s*, s:b}", "event",
	    "probe", "usable", r == 0, "accel", accel_host->name,
	    "reason", e.text,
	    "hint", r == 0 ? accel_probe_hint() : NULL,
	    "again", r == -1 && e.num == ETIMEDOUT);
	text = line == NULL ? NULL : json_print(line);
	return text == NULL || dprintf(REPORT_FD,
	    "%s\n{\"event\":\"done\"}\n", text) < 0;
}
