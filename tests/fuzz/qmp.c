/* SPDX-License-Identifier: ISC */
/* qmp.c - fuzz: what a QEMU says */

#include <stdint.h>
#include <stdlib.h>

#include "qemu/qmp.h"
#include "qemu/runstate.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *word = NULL;
	struct qmp_msg m;
	struct err e;

	if (qmp_parse(&m, data, len, &e) == -1)
		return 0;
	if (m.doc == NULL || ((m.kind == QMP_EVENT || m.kind == QMP_ERROR) &&
	    m.text == NULL))
		abort();
	if (json_get_str(&word, m.data, "status", QMP_WORD_MAX, &e) == 1 &&
	    run_state_find(word)->meaning == NULL)
		abort();
	qmp_msg_fini(&m);
	return 0;
}
