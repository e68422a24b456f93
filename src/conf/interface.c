/* SPDX-License-Identifier: ISC */
/* interface.c - the network cards of a VM in vm.conf; see parse.h */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "conf/parse.h"

static int
parse_lladdr(struct parser *p, struct conf_if *f)
{
	const char *text;
	unsigned m[6];
	char end;

	if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_STRING &&
	    p->token.kind != TOKEN_NUMBER)
		return 0;	/* locked, without an address */
	if (p->token.kind == TOKEN_WORD && p->token.keyword != KW_NONE)
		return 0;
	if (parse_string(p, &text, CONF_WORD_MAX, "address") == -1)
		return -1;
	if (strlen(text) > 17 || sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c",
	    &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &end) != 6)
		return parse_fail(p, "invalid address: %.64s", text);
	f->has_lladdr = true;
	for (size_t i = 0; i < 6; i++)
		f->lladdr[i] = (uint8_t)m[i];
	return 0;
}

/* One of each family: what the guest's address is known to be. */
static int
parse_address(struct parser *p, struct conf_if *f)
{
	uint8_t addr[16];
	const char *text, **to;

	if (parse_string(p, &text, CONF_WORD_MAX, "address") == -1)
		return -1;
	if (inet_pton(AF_INET, text, addr) == 1)
		to = &f->address;
	else if (inet_pton(AF_INET6, text, addr) == 1)
		to = &f->address6;
	else
		return parse_fail(p, "invalid address: %.64s", text);
	if (*to != NULL)
		return parse_fail(p, "address specified more than once");
	*to = text;
	return 0;
}

static int
if_option(struct parser *p, void *arg)
{
	struct conf_if *f = arg;

	if (token_take(p, KW_UP))
		f->down = false;
	else if (token_take(p, KW_DOWN))
		f->down = true;
	else if (token_take(p, KW_ADDRESS))
		return parse_address(p, f);
	else if (token_take(p, KW_SWITCH))
		return parse_string(p, &f->to, CONF_NAME_MAX, "switch name");
	else if (token_take(p, KW_GROUP))
		return parse_group(p, &f->group);
	else if (token_take(p, KW_RDOMAIN))
		return parse_rdomain(p, &f->rdomain);
	else if (token_take(p, KW_LOCKED)) {
		f->locked = true;
		if (!token_take(p, KW_LLADDR))
			return parse_syntax(p);
		return parse_lladdr(p, f);
	} else if (token_take(p, KW_LLADDR))
		return parse_lladdr(p, f);
	else
		return parse_syntax(p);
	return 0;
}

/* "tap" is any, "tapN" that one. */
static int
if_name(struct parser *p, struct conf_if *f)
{
	const char *name;

	if (parse_string(p, &name, CONF_WORD_MAX, "interface name") == -1)
		return -1;
	if (strlen(name) > CONF_GROUP_MAX)
		return parse_fail(p, "interface name too long: %.64s", name);
	if (strncmp(name, "tap", 3) != 0 ||
	    strspn(name + 3, "0123456789") != strlen(name + 3))
		return parse_fail(p, "invalid interface: %.64s", name);
	f->name = name[3] == '\0' ? NULL : name;
	return 0;
}

int
parse_if(struct parser *p, struct conf_vm *vm, bool local)
{
	struct conf_if f = { .local = local, .rdomain = -1 };

	if (vm->nifs == CONF_IFS_MAX)
		return parse_fail(p, "too many interfaces: %zu",
		    vm->nifs + 1);
	if ((p->token.kind == TOKEN_WORD && p->token.keyword == KW_NONE) ||
	    p->token.kind == TOKEN_STRING) {
		if (if_name(p, &f) == -1)
			return -1;
	}
	if (token_is_punct(p, '{')) {
		if (parse_block(p, if_option, &f) == -1)
			return -1;
	} else
		while (p->token.kind == TOKEN_WORD)
			if (if_option(p, &f) == -1)
				return -1;
	vm->ifs[vm->nifs++] = f;
	return 0;
}
