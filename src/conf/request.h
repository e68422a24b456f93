/* SPDX-License-Identifier: ISC */
/*
 * request.h - a vm block as what vmd-control is asked for
 *
 * {"name","where","enabled","owner"?,"group"?,"allow"?,"unsupported"?,
 * "request"}: request is a CreateInstanceRequest of the API, where is
 * FILE:LINE, and unsupported the sentence that every start will be refused
 * with.  allow is {"flags":["disk",..],"owner"?,"group"?}: who may make
 * instances of it, and say what of them.
 */

#ifndef CONF_REQUEST_H
#define CONF_REQUEST_H

#include <jansson.h>

#include "conf/conf.h"

/* NULL: a string is not valid UTF-8. */
json_t	*conf_vm_json(struct conf *, const struct conf_vm *);

/*
 * The switches: {"name","interface","enabled","down","locked","rdomain",
 * "group"?}, rdomain 0 being none.  NULL as above.
 */
json_t	*conf_switches_json(const struct conf *);

/*
 * {"vms":[...],"switches":[...],"prefix"?,"prefix6"?,"parallel","delay"}: all
 * of it; a prefix6 of "any" is one of vmd-control's choice.
 * NULL as above.
 */
json_t	*conf_json(struct conf *);

#endif
