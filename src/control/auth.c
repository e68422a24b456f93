/* SPDX-License-Identifier: ISC */
/* auth.c - who is calling, and what he may do; see auth.h */

#include <errno.h>
#include <jose/b64.h>
#include <jose/jws.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/auth.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"

#define PERMISSIONS_MAX	64	/* entries of a token's permissions */
#define SCOPES_ALL	UINT32_MAX

static const char *const scopes[] = {
	"instance:read", "instance:write", "instance:delete",
	"image:read", "image:write", "image:delete",
	"volume:read", "volume:write", "volume:delete",
	"snapshot:read", "snapshot:write", "snapshot:delete",
	"build:read", "build:write", "build:delete",
	"builder:read", "builder:write", "builder:delete",
	"device:read", "device:write", "device:delete",
	"ingress:read", "ingress:write", "ingress:delete",
	"resource:read", "resource:write",
};
_Static_assert(COUNT(scopes) <= 32, "a bit for each scope");

struct auth {
	json_t	*key;		/* the secret as a JSON Web Key, RFC 7517 */
};

int
auth_new(struct auth **ret, const void *secret, size_t len, struct err *e)
{
	OWN(auth_destroy) struct auth *a = NULL;

	if (len < AUTH_SECRET_MIN || len > AUTH_SECRET_MAX)
		return err_set(e, EINVAL,
		    "the token secret must have %d to %d bytes",
		    AUTH_SECRET_MIN, AUTH_SECRET_MAX);
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return err_sys(e, "auth");
	a->key = json_pack("{s:s,s:s,s:o}", "kty", "oct", "alg", "HS256",
	    "k", jose_b64_enc(secret, len));
	if (a->key == NULL)
		return err_set(e, ENOMEM, "auth: out of memory");
	*ret = take(&a);
	return 0;
}

void
auth_destroy(struct auth *a)
{
	if (a == NULL)
		return;
	json_decref(a->key);
	free(a);
}

static int
refused(struct err *e)
{
	return err_api(e, EACCES, "unauthorized", "a valid token is needed: "
	    "send the header Authorization: Bearer TOKEN");
}

static uint32_t
scope_bit(const char *name)
{
	for (size_t i = 0; i < COUNT(scopes); i++)
		if (strcmp(scopes[i], name) == 0)
			return 1U << i;
	return 0;
}

/* Absent: everything.  There but malformed: nothing. */
static uint32_t
permissions(const json_t *claims)
{
	json_t *list = json_object_get(claims, "permissions"), *v;
	uint32_t ret = 0;
	size_t i;

	if (list == NULL)
		return SCOPES_ALL;
	if (!json_is_array(list) || json_array_size(list) > PERMISSIONS_MAX)
		return 0;
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return 0;
		if (strcmp(json_string_value(v), "*") == 0)
			ret = SCOPES_ALL;
		else
			ret |= scope_bit(json_string_value(v));
	}
	return ret;
}

/*
 * Tokens the same secret signs for a registry or a builder are no tokens of
 * the API.
 */
static bool
other_kind(const json_t *claims, const char *sub)
{
	static const char *const marks[] = {
		"repos", "repo_access", "scope", "build_id",
	};

	for (size_t i = 0; i < COUNT(marks); i++)
		if (json_object_get(claims, marks[i]) != NULL)
			return true;
	return strncmp(sub, "builder-", 8) == 0;
}

static int
claims_read(struct caller *c, const json_t *claims, time_t now, struct err *e)
{
	const char *sub = NULL;
	uint64_t exp = 0, nbf = 0;

	if (json_get_str(&sub, claims, "sub", CALLER_NAME_MAX - 1, NULL) != 1 ||
	    json_get_u64(&exp, claims, "exp", 1, INT64_MAX, NULL) != 1 ||
	    json_get_u64(&nbf, claims, "nbf", 0, INT64_MAX, NULL) == -1 ||
	    exp <= (uint64_t)now || nbf > (uint64_t)now ||
	    other_kind(claims, sub))
		return refused(e);
	memset(c, 0, sizeof(*c));
	c->uid = geteuid();
	c->all = true;
	c->scopes = permissions(claims);
	(void)snprintf(c->name, sizeof(c->name), "%s", sub);
	return 0;
}

/* Header and claims of the compact form (RFC 7515 7.1), signature checked. */
static json_t *
token_open(const struct auth *a, char *token)
{
	own_json json_t *jws = NULL, *head = NULL;
	char *payload, *sig;
	const char *alg = NULL;

	payload = strchr(token, '.');
	sig = payload == NULL ? NULL : strchr(payload + 1, '.');
	if (sig == NULL || strchr(sig + 1, '.') != NULL)
		return NULL;
	*payload++ = '\0';
	*sig++ = '\0';
	jws = json_pack("{s:s,s:s,s:s}", "protected", token, "payload",
	    payload, "signature", sig);
	if (jws == NULL)
		return NULL;
	head = jose_b64_dec_load(json_object_get(jws, "protected"));
	if (json_get_str(&alg, head, "alg", 16, NULL) != 1 ||
	    strcmp(alg, "HS256") != 0)
		return NULL;
	if (!jose_jws_ver(NULL, jws, NULL, a->key, true))
		return NULL;
	return jose_b64_dec_load(json_object_get(jws, "payload"));
}

int
auth_token(struct caller *c, const struct auth *a, const char *header,
    time_t now, struct err *e)
{
	own_json json_t *claims = NULL;
	own_mem char *token = NULL;

	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0 ||
	    strlen(header) > AUTH_TOKEN_MAX)
		return refused(e);
	token = strdup(header + 7 + strspn(header + 7, " "));
	if (token == NULL)
		return err_sys(e, "token");
	claims = token_open(a, token);
	if (!json_is_object(claims))
		return refused(e);
	return claims_read(c, claims, now, e);
}

int
auth_peer(struct caller *c, int sock, uid_t admin, struct err *e)
{
	struct os_peer peer;
	int n;

	if (os_peer(&peer, sock, e) == -1)
		return -1;
	memset(c, 0, sizeof(*c));
	c->groups[c->ngroups++] = peer.gid;
	n = os_peer_groups(c->groups + 1, CALLER_GROUPS_MAX - 1, sock);
	c->ngroups += n > 0 ? (unsigned)n : 0;
	c->uid = peer.uid;
	c->all = peer.uid == 0 || peer.uid == admin;
	c->scopes = SCOPES_ALL;
	(void)snprintf(c->name, sizeof(c->name), "%u", (unsigned)peer.uid);
	return 0;
}

bool
auth_allows(const struct caller *c, const char *scope)
{
	return scope == NULL || (c->scopes & scope_bit(scope)) != 0;
}

bool
auth_owns(const struct caller *c, uid_t owner)
{
	return c->all || c->uid == owner;
}

bool
auth_in_group(const struct caller *c, gid_t gid)
{
	for (unsigned i = 0; gid != GROUP_NONE && i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}
