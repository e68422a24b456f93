/* SPDX-License-Identifier: ISC */
/* paths.c - which of a program's places has it; see paths.h */

#include <stddef.h>
#include <unistd.h>

#include "os/paths.h"

const char *
os_program(const char *const places[])
{
	for (; *places != NULL; places++)
		if (access(*places, X_OK) == 0)
			return *places;
	return NULL;
}
