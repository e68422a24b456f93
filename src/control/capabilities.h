/* SPDX-License-Identifier: ISC */
/* capabilities.h - what this host can run, and why not the rest, as JSON */

#ifndef CONTROL_CAPABILITIES_H
#define CONTROL_CAPABILITIES_H

#include <jansson.h>

struct control;

json_t	*capabilities_json(const struct control *);

#endif
