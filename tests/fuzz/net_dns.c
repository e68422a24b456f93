/* SPDX-License-Identifier: ISC */
/*
 * net_dns.c - fuzz target: a guest's question, another server's answer, and a
 * record
 *
 * The input is the length of the question in two bytes, the question, then
 * what is both an answer and, as text, a record.  What is answered is in its
 * room, and never a question.
 */

#include <assert.h>
#include <string.h>

#include "viod/net_dns.h"
#include "viod/net_udp.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_answer(const uint8_t *answer, size_t n, const uint8_t *msg)
{
	assert(n >= NET_DNS_HEAD && n <= NET_DNS_ANSWER_MAX);
	assert((answer[2] & 0x80) != 0 && memcmp(answer, msg, 2) == 0);
}

static void
try_record(const struct net_dns *q, const uint8_t *msg, const uint8_t *data,
    size_t len)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];
	char text[NET_DNS_RECORD_MAX];
	struct net_dns_record r;

	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, data, len);
	text[len] = '\0';
	net_dns_record(&r, text);
	check_answer(answer, net_dns_answer(answer, q, msg, &r), msg);
	check_answer(answer, net_dns_answer(answer, q, msg, NULL), msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];
	const uint8_t *msg = data + 2;
	struct net_dns q;
	size_t n;

	if (len < 2)
		return 0;
	n = net_get16(data);
	len -= 2;
	if (n > len)
		n = len;
	net_dns_parse(&q, msg, n);
	if (q.kind == NET_DNS_NONE)
		return 0;
	assert(q.end >= NET_DNS_HEAD && q.end <= n);
	check_answer(answer, net_dns_refuse(answer, &q, msg, q.code), msg);
	if (q.kind == NET_DNS_WRONG)
		return 0;
	/* A key is the name of a file in a directory, or nothing. */
	assert(strlen(q.key) < NET_DNS_KEY_MAX && q.key[0] != '.' &&
	    strchr(q.key, '/') == NULL);
	assert(q.kind != NET_DNS_REVERSE || q.key[0] != '\0');
	check_answer(answer, net_dns_cut(answer, &q, msg), msg);
	try_record(&q, msg, msg + n, len - n);
	(void)net_dns_matches(&q, msg, net_get16(msg), msg + n, len - n);
	return 0;
}
