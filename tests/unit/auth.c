/* SPDX-License-Identifier: ISC */
/* auth.c - tokens that are good, and all the others */

#include <sys/socket.h>

#include <jose/b64.h>
#include <jose/jws.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/auth.h"
#include "lib/json.h"

static const char secret[] = "0123456789abcdef0123456789abcdef";
#define NOW	1000000

/* "Bearer " and the compact form; freed by the caller. */
static char *
sign(json_t *claims, const char *key, const char *alg)
{
	json_t *jwk = json_pack("{s:s,s:o}", "kty", "oct", "k",
	    jose_b64_enc(key, strlen(key)));
	json_t *jws = json_pack("{s:o}", "payload",
	    jose_b64_enc_dump(claims));
	json_t *sig = json_pack("{s:{s:s}}", "protected", "alg", alg);
	char *ret = NULL;

	assert_true(jose_jws_sig(NULL, jws, sig, jwk));
	assert_true(asprintf(&ret, "Bearer %s.%s.%s",
	    json_string_value(json_object_get(jws, "protected")),
	    json_string_value(json_object_get(jws, "payload")),
	    json_string_value(json_object_get(jws, "signature"))) > 0);
	json_decref(claims);
	json_decref(jwk);
	json_decref(jws);
	json_decref(sig);
	return ret;
}

static int
try(struct caller *c, char *header)
{
	struct auth *a;
	struct err e;
	int ret;

	assert_int_equal(auth_new(&a, secret, strlen(secret), &e), 0);
	ret = auth_token(c, a, header, NOW, &e);
	if (ret == -1)
		assert_string_equal(e.code, "unauthorized");
	auth_destroy(a);
	free(header);
	return ret;
}

static void
good(void **state)
{
	struct caller c;

	(void)state;
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i}", "sub", "ann",
	    "exp", NOW + 1), secret, "HS256")), 0);
	assert_string_equal(c.name, "ann");
	assert_true(auth_allows(&c, "instance:delete"));
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i,s:[s,s]}", "sub",
	    "ann", "exp", NOW + 1, "permissions", "instance:read",
	    "image:write"), secret, "HS256")), 0);
	assert_true(auth_allows(&c, "instance:read"));
	assert_true(auth_allows(&c, NULL));
	assert_false(auth_allows(&c, "instance:write"));
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i,s:[s]}", "sub",
	    "ann", "exp", NOW + 1, "permissions", "*"), secret, "HS256")),
	    0);
	assert_true(auth_allows(&c, "volume:write"));
}

/* Present but malformed is nothing at all. */
static void
malformed_permissions(void **state)
{
	struct caller c;

	(void)state;
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i,s:s}", "sub", "x",
	    "exp", NOW + 1, "permissions", "*"), secret, "HS256")), 0);
	assert_false(auth_allows(&c, "instance:read"));
}

static void
bad(void **state)
{
	struct caller c;

	(void)state;
	assert_int_equal(try(&c, NULL), -1);
	assert_int_equal(try(&c, strdup("Bearer ")), -1);
	assert_int_equal(try(&c, strdup("Bearer a.b")), -1);
	assert_int_equal(try(&c, strdup("Bearer a.b.c.d")), -1);
	assert_int_equal(try(&c, strdup("Basic abc")), -1);
	/* {"alg":"none"} . {"sub":"x","exp":9999999} . */
	assert_int_equal(try(&c, strdup("Bearer eyJhbGciOiJub25lIn0."
	    "eyJzdWIiOiJ4IiwiZXhwIjo5OTk5OTk5fQ.")), -1);
	/* over, another key, another algorithm, no end, no name */
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i}", "sub", "x",
	    "exp", NOW), secret, "HS256")), -1);
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i}", "sub", "x",
	    "exp", NOW + 1), "another key of thirty-two bytes..", "HS256")),
	    -1);
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i}", "sub", "x",
	    "exp", NOW + 1), "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef", "HS512")), -1);
	assert_int_equal(try(&c, sign(json_pack("{s:s}", "sub", "x"),
	    secret, "HS256")), -1);
	assert_int_equal(try(&c, sign(json_pack("{s:i}", "exp", NOW + 1),
	    secret, "HS256")), -1);
}

/* The same secret signs for other purposes. */
static void
other_kinds(void **state)
{
	struct caller c;

	(void)state;
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i}", "sub",
	    "builder-7", "exp", NOW + 1), secret, "HS256")), -1);
	assert_int_equal(try(&c, sign(json_pack("{s:s,s:i,s:[]}", "sub",
	    "x", "exp", NOW + 1, "repo_access"), secret, "HS256")), -1);
}

static void
short_secret(void **state)
{
	struct auth *a;
	struct err e;

	(void)state;
	assert_int_equal(auth_new(&a, "short", 5, &e), -1);
	assert_non_null(strstr(e.text, "32"));
}

/* In a process of its own: as user 'uid', with 'admin' as who may all. */
static int
peer_sees_all(uid_t uid, uid_t admin)
{
	struct caller c;
	pid_t pid = fork();
	int s[2], status;

	if (pid == 0) {
		if (setgid(65534) == -1 || setuid(uid) == -1 ||
		    socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1 ||
		    auth_peer(&c, s[0], admin, NULL) == -1 || c.uid != uid)
			_exit(2);
		_exit(c.all);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The user that vmd-control and its jobs run as is not the administrator. */
static void
peers(void **state)
{
	struct caller c;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(auth_peer(&c, s[0], getuid(), NULL), 0);
	assert_true(c.all);
	assert_int_equal(c.uid, getuid());
	(void)close(s[0]);
	(void)close(s[1]);
	if (getuid() != 0)
		return;
	assert_int_equal(peer_sees_all(65534, 0), 0);
	assert_int_equal(peer_sees_all(65534, 65534), 1);
	assert_int_equal(peer_sees_all(0, 65534), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(malformed_permissions),
		cmocka_unit_test(bad),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(short_secret),
		cmocka_unit_test(peers),
	};

	return unit_run("auth", tests);
}
