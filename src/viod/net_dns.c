/* SPDX-License-Identifier: ISC */
/* net_dns.c - the messages of a name server; see net_dns.h */

#include <arpa/inet.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "viod/net_dns.h"
#include "viod/net_udp.h"

/* RFC 1035, 4.1: where the fields are; 3.2: types and classes. */
enum {
	AT_ID		= 0,
	AT_FLAGS	= 2,
	AT_QUESTIONS	= 4,
	AT_ANSWERS	= 6,
	AT_AUTHORITIES	= 8,
	AT_ADDITIONAL	= 10,
};
enum {
	FLAG_RESPONSE	= 0x8000,
	FLAG_AUTHORITY	= 0x0400,	/* the answer is the zone's own */
	FLAG_CUT	= 0x0200,
	FLAG_WANTED	= 0x0100,	/* ask others, it says */
	FLAG_RECURSION	= 0x0080,	/* we do */
	OPERATION	= 0x7800,
};
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_ANY = 255 };
enum { CLASS_INTERNET = 1, CLASS_ANY = 255 };

#define LABEL_MAX	63
#define TTL_S		5	/* VMs come and go */
#define POINTER		0xc000	/* to a name that is in the message */
#define RECORD_BYTES	12	/* of one, without its data */
#define OURS_MAX	(1 + LABEL_MAX + 14 + 4)	/* bytes of a question
							   for a VM's name */
#define PLAIN_MAX	512	/* bytes that any guest takes by UDP */

/* --- questions ------------------------------------------------------------ */

/* The name at 'at', as text; returns where it ends, 0 for none. */
static size_t
read_name(char name[NET_DNS_NAME_MAX], const uint8_t *msg, size_t at,
    size_t len)
{
	size_t n = 0, left;

	while (at < len && msg[at] != 0) {
		left = msg[at++];
		/* A question has nothing before it to point to. */
		if (left > LABEL_MAX || left > len - at ||
		    n + left + 2 > NET_DNS_NAME_MAX - 1)
			return 0;
		if (n > 0)
			name[n++] = '.';
		for (; left > 0; left--, at++)
			name[n++] = isalnum(msg[at]) || msg[at] == '-' ||
			    msg[at] == '_' ? (char)tolower(msg[at]) : '?';
	}
	name[n] = '\0';
	return at < len ? at + 1 : 0;
}

/* What is before ".suffix"; -1: the name does not end in it. */
static int
before(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	if (n < s + 1 || strcmp(name + n - s, suffix) != 0 ||
	    name[n - s - 1] != '.')
		return -1;
	return (int)(n - s - 1);
}

/* "3.1.64.100" is 100.64.1.3; false: it is no whole address. */
static bool
reverse4(struct net_dns *q, int len)
{
	char text[INET_ADDRSTRLEN];
	uint8_t a[4];

	if (len >= INET_ADDRSTRLEN)
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", len, q->name);
	if (inet_pton(AF_INET, text, a) != 1)
		return false;
	(void)snprintf(q->key, sizeof(q->key), "%u.%u.%u.%u", a[3], a[2],
	    a[1], a[0]);
	return true;
}

/* 32 digits, the last first, with dots between them. */
static bool
reverse6(struct net_dns *q, int len)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t a[16] = { 0 };
	const char *digit;

	if (len != 63)
		return false;
	for (unsigned i = 0; i < 32; i++) {
		digit = memchr(digits, q->name[i * 2], 16);
		if (digit == NULL || q->name[i * 2 + 1] != '.')
			return false;
		a[15 - i / 2] |= (uint8_t)((digit - digits) << i % 2 * 4);
	}
	return inet_ntop(AF_INET6, a, q->key, sizeof(q->key)) != NULL;
}

/* Whose name it is, and what its record would be called. */
static void
classify(struct net_dns *q)
{
	int n = before(q->name, NET_DNS_ZONE);

	q->kind = NET_DNS_OTHERS;
	if (n != -1 || strcmp(q->name, NET_DNS_ZONE) == 0) {
		q->kind = NET_DNS_OURS;
		if (n > 0 && n < NET_DNS_KEY_MAX &&
		    memchr(q->name, '.', (size_t)n) == NULL)
			(void)snprintf(q->key, sizeof(q->key), "%.*s", n,
			    q->name);
		return;
	}
	n = before(q->name, "in-addr.arpa");
	if (n != -1 && reverse4(q, n))
		q->kind = NET_DNS_REVERSE;
	n = before(q->name, "ip6.arpa");
	if (n != -1 && reverse6(q, n))
		q->kind = NET_DNS_REVERSE;
}

void
net_dns_parse(struct net_dns *q, const uint8_t *msg, size_t len)
{
	memset(q, 0, sizeof(*q));
	if (len < NET_DNS_HEAD || len > NET_DNS_QUESTION_MAX ||
	    (net_get16(msg + AT_FLAGS) & FLAG_RESPONSE) != 0)
		return;
	q->kind = NET_DNS_WRONG;
	q->code = NET_DNS_NOT_DONE;
	q->end = NET_DNS_HEAD;
	if ((net_get16(msg + AT_FLAGS) & OPERATION) != 0)
		return;
	q->code = NET_DNS_FORMAT;
	if (net_get16(msg + AT_QUESTIONS) != 1 ||
	    net_get16(msg + AT_ANSWERS) != 0 ||
	    net_get16(msg + AT_AUTHORITIES) != 0)
		return;
	q->end = read_name(q->name, msg, NET_DNS_HEAD, len);
	if (q->end == 0 || len - q->end < 4) {
		q->end = NET_DNS_HEAD;
		return;
	}
	q->type = net_get16(msg + q->end);
	q->class = net_get16(msg + q->end + 2);
	q->end += 4;
	q->code = NET_DNS_OK;
	classify(q);
}

/* --- records -------------------------------------------------------------- */

static void
take_word(struct net_dns_record *r, const char *word)
{
	struct in6_addr a6;
	struct in_addr a;

	if (inet_pton(AF_INET, word, &a) == 1) {
		if (r->n4 < NET_DNS_ADDRS_MAX)
			r->addr4[r->n4++] = ntohl(a.s_addr);
	} else if (inet_pton(AF_INET6, word, &a6) == 1) {
		if (r->n6 < NET_DNS_ADDRS_MAX)
			memcpy(r->addr6[r->n6++], &a6, 16);
	} else if (strlen(word) <= LABEL_MAX && strchr(word, '.') == NULL)
		(void)snprintf(r->name, sizeof(r->name), "%s", word);
}

void
net_dns_record(struct net_dns_record *r, const char *text)
{
	const char *p = strchr(text, ' ');
	char word[NET_DNS_KEY_MAX];
	size_t n;

	memset(r, 0, sizeof(*r));
	while (p != NULL) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (n > 0 && n < sizeof(word)) {
			memcpy(word, p, n);
			word[n] = '\0';
			take_word(r, word);
		}
		p = strchr(p, ' ');
	}
}

/* --- answers -------------------------------------------------------------- */

/* The header and the question as they were; returns where answers begin. */
static size_t
begin(uint8_t *answer, const struct net_dns *q, const uint8_t *msg,
    unsigned flags)
{
	unsigned asked = net_get16(msg + AT_FLAGS) & (OPERATION | FLAG_WANTED);

	memset(answer, 0, NET_DNS_HEAD);
	memcpy(answer + AT_ID, msg + AT_ID, 2);
	net_put16(answer + AT_FLAGS, (uint16_t)(asked | flags |
	    FLAG_RESPONSE | FLAG_RECURSION));
	net_put16(answer + AT_QUESTIONS, q->end > NET_DNS_HEAD);
	memcpy(answer + NET_DNS_HEAD, msg + NET_DNS_HEAD,
	    q->end - NET_DNS_HEAD);
	return q->end;
}

/* One more of the question's name. */
static size_t
add(uint8_t *answer, size_t at, uint16_t type, const void *data, size_t len)
{
	uint8_t *p = answer + at;

	net_put16(p, POINTER | NET_DNS_HEAD);
	net_put16(p + 2, type);
	net_put16(p + 4, CLASS_INTERNET);
	net_put32(p + 6, TTL_S);
	net_put16(p + 10, (uint16_t)len);
	memcpy(p + RECORD_BYTES, data, len);
	net_put16(answer + AT_ANSWERS,
	    (uint16_t)(net_get16(answer + AT_ANSWERS) + 1));
	return at + RECORD_BYTES + len;
}

/* As labels; at most 65 bytes and the zone's 14. */
static size_t
put_name(uint8_t *to, const char *name)
{
	static const char zone[] = "\3vmd\10internal";
	size_t n = strnlen(name, LABEL_MAX);

	to[0] = (uint8_t)n;
	memcpy(to + 1, name, n);
	memcpy(to + 1 + n, zone, sizeof(zone));
	return 1 + n + sizeof(zone);
}

static size_t
add_all(uint8_t *answer, size_t at, const struct net_dns *q,
    const struct net_dns_record *r)
{
	uint8_t name[NET_DNS_KEY_MAX + sizeof(NET_DNS_ZONE) + 2], a[4];
	const bool any = q->type == TYPE_ANY;

	if (q->kind == NET_DNS_REVERSE) {
		if (r->name[0] != '\0' && (q->type == TYPE_PTR || any))
			at = add(answer, at, TYPE_PTR, name,
			    put_name(name, r->name));
		return at;
	}
	for (unsigned i = 0; i < r->n4 && (q->type == TYPE_A || any); i++) {
		net_put32(a, r->addr4[i]);
		at = add(answer, at, TYPE_A, a, sizeof(a));
	}
	for (unsigned i = 0; i < r->n6 && (q->type == TYPE_AAAA || any); i++)
		at = add(answer, at, TYPE_AAAA, r->addr6[i], 16);
	return at;
}

size_t
net_dns_answer(uint8_t answer[NET_DNS_ANSWER_MAX], const struct net_dns *q,
    const uint8_t *msg, const struct net_dns_record *r)
{
	unsigned flags = FLAG_AUTHORITY;
	size_t at;

	/* So one by UDP is never cut; what has a record has a short name. */
	_Static_assert(NET_DNS_HEAD + OURS_MAX + NET_DNS_ADDRS_MAX * (2 *
	    RECORD_BYTES + 4 + 16) <= PLAIN_MAX, "room for a record");
	/* The zone itself is there, and has nothing. */
	if (r == NULL && strcmp(q->name, NET_DNS_ZONE) != 0)
		flags |= NET_DNS_NO_NAME;
	at = begin(answer, q, msg, flags);
	if (r != NULL && (q->class == CLASS_INTERNET || q->class == CLASS_ANY))
		at = add_all(answer, at, q, r);
	return at;
}

size_t
net_dns_refuse(uint8_t answer[NET_DNS_ANSWER_MAX], const struct net_dns *q,
    const uint8_t *msg, enum net_dns_code code)
{
	return begin(answer, q, msg, code);
}

size_t
net_dns_cut(uint8_t answer[NET_DNS_ANSWER_MAX], const struct net_dns *q,
    const uint8_t *msg)
{
	return begin(answer, q, msg, FLAG_CUT);
}

bool
net_dns_matches(const struct net_dns *q, const uint8_t *msg, uint16_t id,
    const uint8_t *answer, size_t len)
{
	if (len < q->end || net_get16(answer + AT_ID) != id ||
	    (net_get16(answer + AT_FLAGS) & (FLAG_RESPONSE | OPERATION)) !=
	    FLAG_RESPONSE || net_get16(answer + AT_QUESTIONS) != 1)
		return false;
	/* Some servers write names in a case of their own. */
	for (size_t i = NET_DNS_HEAD; i < q->end - 4; i++)
		if (tolower(msg[i]) != tolower(answer[i]))
			return false;
	return memcmp(msg + q->end - 4, answer + q->end - 4, 4) == 0;
}
