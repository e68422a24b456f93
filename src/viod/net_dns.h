/* SPDX-License-Identifier: ISC */
/*
 * net_dns.h - the messages of a name server (RFC 1035)
 *
 * What a guest asks is read and checked here, and answered from a record or
 * compared with the answer of another server.  Nothing is kept.
 *
 * Ours is the zone vmd.internal: a VM's name below it has the addresses of
 * its record.  Back from addresses to names leads in-addr.arpa (RFC 1035,
 * 3.5) and ip6.arpa (RFC 3596), where other people's addresses are, too.
 */

#ifndef VIOD_NET_DNS_H
#define VIOD_NET_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_DNS_PORT		53
#define NET_DNS_HEAD		12	/* bytes of a message's header */
#define NET_DNS_QUESTION_MAX	1232	/* bytes of a message that asks */
#define NET_DNS_ANSWER_MAX	1452	/* of one that answers, in a frame
					   of either IP */
#define NET_DNS_NAME_MAX	256	/* of a name as text, with the NUL */
#define NET_DNS_KEY_MAX		64	/* of what a record is called, too */
#define NET_DNS_RECORD_MAX	640	/* of a record as text */
#define NET_DNS_ADDRS_MAX	8	/* of a record, of each family */
#define NET_DNS_ZONE		"vmd.internal"

/* RFC 1035, 4.1.1 */
enum net_dns_code {
	NET_DNS_OK		= 0,
	NET_DNS_FORMAT		= 1,	/* no question that can be read */
	NET_DNS_FAILED		= 2,
	NET_DNS_NO_NAME		= 3,
	NET_DNS_NOT_DONE	= 4,	/* another operation than to ask */
};

enum net_dns_kind {
	NET_DNS_NONE,		/* nobody asks; no answer */
	NET_DNS_WRONG,		/* to be refused with .code */
	NET_DNS_OURS,		/* of our zone: no name is without .key */
	NET_DNS_REVERSE,	/* perhaps ours, if .key has a record */
	NET_DNS_OTHERS,
};

struct net_dns {
	enum net_dns_kind	 kind;
	enum net_dns_code	 code;
	uint16_t		 type, class;
	size_t			 end;	/* of the question in the message */
	/* In lower case; what is no letter, digit, '-' or '_' is '?'. */
	char			 name[NET_DNS_NAME_MAX];
	/* A VM's name, or an address, "100.64.1.3"; "": there is none. */
	char			 key[NET_DNS_KEY_MAX];
};

/* What is known of a VM, or by whose name an address goes. */
struct net_dns_record {
	char			 name[NET_DNS_KEY_MAX];	/* or "" */
	unsigned		 n4, n6;
	uint32_t		 addr4[NET_DNS_ADDRS_MAX];	/* host order */
	uint8_t			 addr6[NET_DNS_ADDRS_MAX][16];
};

/* Read a message that a guest sent. */
void	net_dns_parse(struct net_dns *, const uint8_t *msg, size_t len);

/*
 * A record as text: words, of which the first, whose record it is, is not
 * looked at; then addresses or a name.  Words that are neither are skipped.
 */
void	net_dns_record(struct net_dns_record *, const char *text);

/*
 * The answer to a message that was parsed, from a record or, with NULL, that
 * there is no such name.  Returns its length, of which no guest says that it
 * is too much for UDP.
 */
size_t	net_dns_answer(uint8_t answer[NET_DNS_ANSWER_MAX],
	    const struct net_dns *, const uint8_t *msg,
	    const struct net_dns_record *);

/* The same without any; cut: ask by TCP (TC). */
size_t	net_dns_refuse(uint8_t answer[NET_DNS_ANSWER_MAX],
	    const struct net_dns *, const uint8_t *msg, enum net_dns_code);
size_t	net_dns_cut(uint8_t answer[NET_DNS_ANSWER_MAX],
	    const struct net_dns *, const uint8_t *msg);

/*
 * Is it another server's answer to that question, which was sent as it is
 * but with this identification?
 */
bool	net_dns_matches(const struct net_dns *, const uint8_t *msg,
	    uint16_t id, const uint8_t *answer, size_t len);

#endif
