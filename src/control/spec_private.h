/* SPDX-License-Identifier: ISC */
/* spec_private.h - what spec.c, spec_lists.c and spec_json.c share */

#ifndef CONTROL_SPEC_PRIVATE_H
#define CONTROL_SPEC_PRIVATE_H

#include "control/spec.h"

/* A copy of a text member; "" becomes NULL.  As json_get_str(). */
int	spec_take_text(char **to, const json_t *, const char *name,
	    size_t max, struct err *);
int	spec_take_ports(struct spec *, const json_t *, struct err *);
int	spec_take_volumes(struct spec *, const json_t *, struct err *);
/* After the volumes: no path may be mounted on twice. */
int	spec_take_shares(struct spec *, const json_t *, struct err *);
/* disks, kernel, initramfs, cmdline; and what a VM without image has not. */
int	spec_take_files(struct spec *, const json_t *, struct err *);
const char *spec_boot_name(enum spec_boot);
const char *spec_format_name(enum spec_format);
/* After the network, which is off by default where there are some. */
int	spec_take_ifs(struct spec *, const json_t *, struct err *);
json_t	*spec_ifs_json(const struct spec *);
const char *spec_restart_name(enum spec_restart);
/* "5s", "10m", "250ms" as a JSON string. */
json_t	*spec_duration(uint64_t ms);

#endif
