/* SPDX-License-Identifier: ISC */
/* null.h - what the files of the null accelerator share */

#ifndef ACCEL_NULL_H
#define ACCEL_NULL_H

#include "accel/accel_null.h"

struct accel_vcpu {
	unsigned		 id;
	unsigned		 next;		/* step of the script */
	bool			 reading;	/* the step before is a read */
	uint8_t			 data[NULL_DATA_MAX];
	struct x86_regs		 regs;
};

/* Counts an NMI; keeps what a debugger asked for. */
void	null_count_nmi(unsigned cpu);
void	null_keep_debug(unsigned cpu, const struct accel_debug *);

/* As after power on. */
void	null_reset_regs(struct accel_vcpu *);

/* Of struct accel. */
int	null_vcpu_reset(struct accel_vcpu *, struct err *);
int	null_vm_reset(struct accel_vm *, struct err *);
int	null_nmi(struct accel_vcpu *, struct err *);
int	null_set_debug(struct accel_vcpu *, const struct accel_debug *,
	    struct err *);
int	null_translate(struct accel_vcpu *, uint64_t va, uint64_t *ret,
	    struct err *);
json_t	*null_vm_save(struct accel_vm *, struct err *);
int	null_vm_load(struct accel_vm *, const json_t *, struct err *);
json_t	*null_vcpu_save(struct accel_vcpu *, struct err *);
int	null_vcpu_load(struct accel_vcpu *, const json_t *, struct err *);

extern const struct accel_x86 null_x86;

#endif
