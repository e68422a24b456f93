/* SPDX-License-Identifier: ISC */
/*
 * aml.h - write ACPI Machine Language
 *
 * As much of it as a description of a board needs.  What is opened is closed
 * by aml_end(), in the order of brackets.  A failure (out of memory, too
 * long, too deep) is remembered and told by aml_done(): callers write
 * straight on.
 *
 * Source: ACPI 6.5, chapter 20; resources: section 6.4.
 */

#ifndef VMM_AML_H
#define VMM_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define AML_BYTES_MAX	32768
#define AML_DEPTH_MAX	8

struct aml {
	struct buf	buf;			/* what was written */
	size_t		open[AML_DEPTH_MAX];	/* where lengths belong */
	unsigned	depth;
	bool		failed;
};

void	aml_init(struct aml *);
void	aml_fini(struct aml *);
/* Everything is closed and was written; -1 if not. */
int	aml_done(const struct aml *, struct err *);

/* Names are of four characters ("PCI0", "_HID"). */
void	aml_scope(struct aml *, const char *name);	/* below the root */
void	aml_device(struct aml *, const char *name);
void	aml_method(struct aml *, const char *name, unsigned nargs);
void	aml_end(struct aml *);

/* Name (name, value): the value follows, by one of the next. */
void	aml_name(struct aml *, const char *name);
void	aml_int(struct aml *, uint64_t);
void	aml_str(struct aml *, const char *);
void	aml_eisa(struct aml *, const char *id);		/* "PNP0A03" */
void	aml_package(struct aml *, unsigned n);		/* aml_end() */

/*
 * n registers of 32 bits, one behind the other, that methods can use by
 * these names; the region's own name is 'name'.
 */
void	aml_registers(struct aml *, const char *name, uint16_t port,
	    const char *const fields[], unsigned n);
/* Buffer () {...}, fewer than 64 bytes. */
void	aml_buffer(struct aml *, const void *, uint8_t len);

/* In methods.  Local0 is the one variable. */
void	aml_if_arg0_is(struct aml *, uint64_t);		/* aml_end() */
void	aml_if_local0_has(struct aml *, uint64_t bit);	/* aml_end() */
void	aml_notify(struct aml *, const char *name, uint64_t value);
/* Of a device below \_SB. */
void	aml_call(struct aml *, const char *device, const char *method);
void	aml_load(struct aml *, const char *field);	/* into Local0 */
void	aml_store(struct aml *, uint64_t value, const char *field);
void	aml_return(struct aml *, const char *field);

/* Name (_CRS, ResourceTemplate () {...}), ended by aml_end(). */
void	aml_resources(struct aml *);
void	aml_res_ports(struct aml *, uint16_t port, uint8_t len);
void	aml_res_irq(struct aml *, unsigned irq);	/* ISA, edge */
void	aml_res_gsi(struct aml *, uint32_t gsi);	/* edge, high */
void	aml_res_memory(struct aml *, uint32_t addr, uint32_t len);

/* What a bridge hands down: [min, max]. */
void	aml_res_buses(struct aml *, uint16_t min, uint16_t max);
void	aml_res_window_ports(struct aml *, uint16_t min, uint16_t max);
void	aml_res_window(struct aml *, uint64_t min, uint64_t max);

#endif
