/* SPDX-License-Identifier: ISC */
/* probe_job.h - vmm -P: can VMs run here?  For vmd-control, not people */

#ifndef VMM_PROBE_JOB_H
#define VMM_PROBE_JOB_H

/*
 * Write the lines of a job on descriptor 3 (docs/ARCHITECTURE.md, "Probes")
 * and return the exit status.  kvm: descriptor of the hypervisor's device,
 * or -1 to open it by name.
 */
int	probe_job(int kvm);

#endif
