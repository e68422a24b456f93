/* SPDX-License-Identifier: ISC */
/*
 * ports.c - fuzz: the record of a VM's published ports
 *
 * What is taken becomes rules of nftables: numbers that are ports, addresses
 * that are addresses, and no more of them than a VM may have.
 */

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "vmd/ports.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct priv_port *p)
{
	uint8_t addr[16];

	if (p->host == 0 || p->guest == 0 ||
	    memchr(p->addr, '\0', sizeof(p->addr)) == NULL)
		abort();
	if (p->addr[0] != '\0' && inet_pton(AF_INET, p->addr, addr) != 1 &&
	    inet_pton(AF_INET6, p->addr, addr) != 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ports p;
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	if (ports_record_parse(&p, text) == 0) {
		if (p.n == 0 || p.n > PRIV_PORT_MAX)
			abort();
		for (unsigned i = 0; i < p.n; i++)
			check(&p.port[i]);
	}
	free(text);
	return 0;
}
