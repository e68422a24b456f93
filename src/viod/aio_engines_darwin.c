/* SPDX-License-Identifier: ISC */
/* aio_engines_darwin.c - ways to read and write files, on macOS */

#include <stddef.h>

#include "viod/aio.h"

const struct aio_engine *const aio_engines[] = { &aio_threads, NULL };
