/* SPDX-License-Identifier: ISC */
/*
 * vmm_hand.c - fuzz: the command line of vmm by hand
 *
 * Words end at newlines.  What is taken is a config
 * with no more of anything than there may be.
 */

#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/hand.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define LEN_MAX		2048
#define WORDS_MAX	64

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[LEN_MAX + 1], name[] = "vmm";
	char *argv[WORDS_MAX + 2] = { name };
	struct hand h;
	struct err e;
	char *rest = text;
	int argc = 1;

	if (len > LEN_MAX)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	while (argc <= WORDS_MAX &&
	    (argv[argc] = strsep(&rest, "\n")) != NULL)
		argc++;
	argv[argc] = NULL;
	opterr = 0;
	if (hand_parse(&h, argc, argv, &e) == -1) {
		if (e.text[0] == '\0')
			abort();
		return 0;
	}
	if (h.config.ndisks > VM_DISKS_MAX || h.config.nnets > VM_NETS_MAX ||
	    h.config.nfs > VM_FS_MAX)
		abort();
	return 0;
}
