/* SPDX-License-Identifier: ISC */
/*
 * skopeo.c - asking a registry, by running skopeo(1); see skopeo.h
 *
 * Process: vmd-image.  Sandbox: network, the store.  Needs: skopeo.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "oci/child.h"
#include "oci/skopeo.h"
#include "oci/store.h"

#define ARGS_MAX	24
#define TEXT_MAX	(REFERENCE_MAX + 16)	/* of an argument made here */
#define MESSAGE_MAX	320	/* bytes of what skopeo says, in ours */

/* Words of registries and of Go's network code; the first that fits. */
static const struct {
	const char	*word, *code, *text;
} refusals[] = {
	{ "no space left on device", "disk_full",
	    "no space left while pulling" },
	{ "disk quota exceeded", "disk_full", "no space left while pulling" },
	{ "toomanyrequests", "rate_limited",
	    "the registry limits how often you may pull; log in or wait" },
	{ "too many requests", "rate_limited",
	    "the registry limits how often you may pull; log in or wait" },
	{ "manifest unknown", "not_found", "no such image in the registry" },
	{ "manifest_unknown", "not_found", "no such image in the registry" },
	{ "name unknown", "not_found", "no such repository in the registry" },
	{ "repository name not known", "not_found",
	    "no such repository in the registry" },
	{ "blob unknown", "not_found",
	    "the registry has lost a part of the image" },
	{ "unauthorized", "unauthorized",
	    "the registry wants a login, or refuses yours" },
	{ "authentication required", "unauthorized",
	    "the registry wants a login, or refuses yours" },
	{ "access to the resource is denied", "unauthorized",
	    "no such image, or it wants a login" },
	{ "forbidden", "unauthorized", "the registry refuses you the image" },
	{ "server gave http response to https client", "network",
	    "the registry speaks plain http; allow it as insecure" },
	{ "certificate", "network",
	    "the registry's certificate is not trusted" },
	{ "no such host", "network", "no such host" },
	{ "connection refused", "network", "nobody answers at the registry" },
	{ "digest did not match", "network",
	    "the registry sent other bytes than it promised" },
	{ "does not match provided manifest digest", "network",
	    "the registry sent other bytes than it promised" },
	{ "status 404", "not_found", "no such image in the registry" },
	{ "404 (not found)", "not_found",
	    "the registry has lost a part of the image" },
	{ "requested range", "network", "the transfer broke off" },
	{ "eof", "network", "the transfer broke off" },
	{ "connection reset", "network", "the transfer broke off" },
	{ "timeout", "network", "the registry does not answer" },
};

/* The sentence in: time="..." level=fatal msg="...", which Go has quoted. */
static void
message(char *to, size_t size, const char *said)
{
	const char *p, *from = said;
	size_t n = 0;

	for (p = strstr(said, "msg=\""); p != NULL; p = strstr(p, "msg=\""))
		from = p += 5;
	while (*from != '\0' && n < size - 1) {
		if (from != said && *from == '"')
			break;
		if (from[0] != '\\' || from[1] == '\0')
			to[n++] = *from++;
		else if (from[1] == '"' || from[1] == '\\')
			to[n++] = from[1], from += 2;
		else	/* a newline or tab */
			to[n++] = ' ', from += 2;
	}
	to[n] = '\0';
}

int
skopeo_refused(struct err *e, const char *image, const char *said)
{
	char msg[MESSAGE_MAX];

	message(msg, sizeof(msg), said);
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (strcasestr(msg, refusals[i].word) != NULL)
			return err_api(e, EIO, refusals[i].code, "%s: %s (%s)",
			    image, refusals[i].text, msg);
	return err_api(e, EIO, "network", "%s: %s", image, msg);
}

struct command {
	const char	*argv[ARGS_MAX];
	size_t		 n;
	int		 keep;
	char		 authfile[32];
	char		 source[TEXT_MAX];
};

static void
add(struct command *c, const char *arg)
{
	if (c->n < ARGS_MAX - 1)
		c->argv[c->n++] = arg;
}

/* skopeo without its containers-common package has no policy: take all. */
static bool
has_policy(void)
{
	char path[TEXT_MAX];
	const char *home = getenv("HOME");

	(void)snprintf(path, sizeof(path), "%s/.config/containers/policy.json",
	    home == NULL ? "" : home);
	return access("/etc/containers/policy.json", R_OK) == 0 ||
	    access(path, R_OK) == 0;
}

static void
begin(struct command *c, const struct registry_access *acc, const char *verb)
{
	*c = (struct command){ .keep = acc->authfd };
	add(c, "skopeo");
	add(c, "--tmpdir");
	add(c, ".");
	if (!has_policy())
		add(c, "--insecure-policy");
	add(c, verb);
	if (acc->authfd != -1) {
		(void)snprintf(c->authfile, sizeof(c->authfile), "/dev/fd/%d",
		    acc->authfd);
		add(c, "--authfile");
		add(c, c->authfile);
	} else if (acc->authfile != NULL) {
		add(c, "--authfile");
		add(c, acc->authfile);
	}
}

/* Run it; what it says when it fails becomes the err. */
static int
finish(struct child *c, struct store *st, struct command *cmd,
    const struct skopeo_copy *what, struct err *e)
{
	struct child_spec spec = { .dir = st->work, .keep = cmd->keep,
	    .argv = (char *const *)(uintptr_t)cmd->argv,
	    .output_max = CONFIG_MAX };

	if (child_start(c, &spec, e) == -1)
		return -1;
	if (child_wait(c, what->tick, what->arg, e) == 0)
		return 0;
	/* Without a level it could not be started, or was ended. */
	if (e->code != NULL || strstr(c->said, "level=") == NULL)
		return -1;
	return skopeo_refused(e, what->image, c->said);
}

int
skopeo_inspect(struct buf *b, struct store *st,
    const struct registry_access *acc, const char *image, bool config,
    struct err *e)
{
	struct skopeo_copy what = { .image = image };
	struct command cmd;
	struct child c;
	int r;

	begin(&cmd, acc, "inspect");
	if (acc->insecure)
		add(&cmd, "--tls-verify=false");
	add(&cmd, "--raw");
	if (config)
		add(&cmd, "--config");
	(void)snprintf(cmd.source, sizeof(cmd.source), "docker://%s", image);
	add(&cmd, cmd.source);
	child_init(&c);
	r = finish(&c, st, &cmd, &what, e);
	if (r == 0 && buf_put(b, c.output.data, c.output.len) == -1)
		r = err_api(e, EFBIG, "invalid_image",
		    "%s: larger than %zu bytes", image, b->max);
	child_fini(&c);
	return r;
}

int
skopeo_copy(struct store *st, const struct skopeo_copy *what, struct err *e)
{
	char dest[TEXT_MAX];
	struct command cmd;
	struct child c;
	int r;

	begin(&cmd, what->access, "copy");
	if (what->access->insecure)
		add(&cmd, "--src-tls-verify=false");
	add(&cmd, "--quiet");
	add(&cmd, "--dest-oci-accept-uncompressed-layers");
	add(&cmd, "--dest-shared-blob-dir");
	add(&cmd, "../../blobs");
	(void)snprintf(cmd.source, sizeof(cmd.source), "docker://%s",
	    what->image);
	(void)snprintf(dest, sizeof(dest), "oci:%s:image", what->layout);
	add(&cmd, cmd.source);
	add(&cmd, dest);
	child_init(&c);
	r = finish(&c, st, &cmd, what, e);
	child_fini(&c);
	return r;
}
