/* SPDX-License-Identifier: ISC */
/*
 * host.c - what host the double is; VZ_DOUBLE says one of
 *
 *	absent		has no such framework
 *	unsupported	has no virtualization
 *	unsigned	vmm-vz is not signed
 *	unentitled	it is, without the entitlement
 *	old		a macOS that neither saves machines nor has UEFI
 */

#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "double.h"

#define ENTITLEMENTS "<dict><key>com.apple.security.virtualization</key>" \
	"<true/></dict>"

static bool loaded;

static bool
is_host(const char *what)
{
	const char *host = getenv("VZ_DOUBLE");

	return host != NULL && strcmp(host, what) == 0;
}

bool	double_supported(void);

bool
double_supported(void)
{
	return !is_host("unsupported");
}

bool
double_loaded(void)
{
	return loaded;
}

bool
double_has(const char *name)
{
	return !is_host("old") || (strncmp(name, "VZEFI", 5) != 0 &&
	    strstr(name, "MachineState") == NULL &&
	    strncmp(name, "validateSave", 12) != 0);
}

void	*__wrap_dlopen(const char *, int);

void *
__wrap_dlopen(const char *path, int how)
{
	(void)how;
	if (is_host("absent") || strcmp(path, "/System/Library/Frameworks/"
	    "Virtualization.framework/Virtualization") != 0)
		return NULL;
	loaded = true;
	return &loaded;
}

int	csops(pid_t, unsigned, void *, size_t);

int
csops(pid_t pid, unsigned op, void *ret, size_t size)
{
	size_t len = strlen(ENTITLEMENTS) + 8;
	unsigned char *p = ret;

	(void)pid;
	if (op == 0) {
		memset(ret, is_host("unsigned") ? 0 : 1, size);
		return 0;
	}
	if (is_host("unentitled") || size < len) {
		errno = EINVAL;
		return -1;
	}
	memcpy(p, "\xfa\xde\x71\x71\0\0", 6);
	p[6] = (unsigned char)(len >> 8);
	p[7] = (unsigned char)len;
	memcpy(p + 8, ENTITLEMENTS, len - 8);
	return 0;
}
