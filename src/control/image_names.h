/* SPDX-License-Identifier: ISC */
/* image_names.h - questions about the text of an image's name */

#ifndef CONTROL_IMAGE_NAMES_H
#define CONTROL_IMAGE_NAMES_H

#include <stdbool.h>

/* Is its registry this host (127.0.0.0/8, ::1, localhost)? */
bool	image_is_local(const char *name);

#endif
