/* SPDX-License-Identifier: ISC */
/* run.c - options of run as a CreateInstanceRequest; see run.h */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/env.h"
#include "vmctl/run.h"

#define SUFFIX	4	/* random letters of a name that was made up */

void
run_name(char *ret, const char *image)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	const char *s = strrchr(image, '/');
	uint8_t random[SUFFIX];
	size_t n = 0;

	s = s == NULL ? image : s + 1;
	for (; *s != '\0' && *s != ':' && *s != '@'; s++) {
		char c = (char)tolower((unsigned char)*s);

		if ((c == '_' || c == '.') && n > 0)
			c = '-';
		if ((isalnum((unsigned char)c) || (c == '-' && n > 0)) &&
		    (unsigned char)c < 0x80 && n < RUN_NAME_MAX - SUFFIX - 1)
			ret[n++] = c;
	}
	if (n == 0) {
		memcpy(ret, "vm", 2);
		n = 2;
	}
	if (ret[n - 1] != '-')
		ret[n++] = '-';
	os_random(random, sizeof(random));
	for (size_t i = 0; i < SUFFIX; i++)
		ret[n++] = letters[random[i] % 32];
	ret[n] = '\0';
}

static int
set_words(json_t *obj, const char *name, int argc, char **argv, struct err *e)
{
	json_t *list = json_array();

	json_object_set_new(obj, name, list);
	for (int i = 0; i < argc; i++)
		if (json_array_append_new(list, json_string(argv[i])) == -1)
			return err_set(e, EILSEQ, "%s: not valid UTF-8",
			    argv[i]);
	return 0;
}

/* The members that are a string of an option each. */
static int
set_strings(json_t *obj, const struct run_opts *o, struct err *e)
{
	const struct {
		const char	*name;
		const char	*value;
	} members[] = {
		{ "platform", o->platform }, { "size", o->memory },
		{ "overlay_size", o->overlay_size },
		{ "disk_io_bps", o->disk_io },
		{ "hypervisor", o->hypervisor }, { "user", o->user },
		{ "working_dir", o->workdir }, { "hostname", o->hostname },
		{ "stop_signal", o->stop_signal },
	};

	for (size_t i = 0; i < COUNT(members); i++) {
		if (members[i].value == NULL)
			continue;
		if (json_object_set_new(obj, members[i].name,
		    json_string(members[i].value)) == -1)
			return err_set(e, EILSEQ, "%s: not valid UTF-8",
			    members[i].value);
	}
	return 0;
}

static void
set_network(json_t *obj, const struct run_opts *o)
{
	json_t *net = json_object();

	json_object_set_new(obj, "network", net);
	json_object_set_new(net, "enabled", json_boolean(o->network == NULL ||
	    strcmp(o->network, "none") != 0));
	if (o->bandwidth_down != NULL)
		json_object_set_new(net, "bandwidth_download",
		    json_string(o->bandwidth_down));
	if (o->bandwidth_up != NULL)
		json_object_set_new(net, "bandwidth_upload",
		    json_string(o->bandwidth_up));
}

/* Put what parsed into the object, when there is something in it. */
static void
set_parsed(json_t *obj, const char *name, json_t **parsed)
{
	json_t *v = take(parsed);

	if (json_array_size(v) > 0 || json_object_size(v) > 0)
		json_object_set(obj, name, v);
	json_decref(v);
}

static int
set_lists(json_t *obj, const struct run_opts *o, struct err *e)
{
	json_t *v;

	if (env_parse(&v, &o->env_files, &o->env, e) == -1)
		return -1;
	set_parsed(obj, "env", &v);
	if (labels_parse(&v, &o->labels, e) == -1)
		return -1;
	set_parsed(obj, "tags", &v);
	if (ports_parse(&v, &o->ports, e) == -1)
		return -1;
	set_parsed(obj, "ports", &v);
	if (volumes_parse(&v, &o->volumes, e) == -1)
		return -1;
	set_parsed(obj, "volumes", &v);
	if (shares_parse(&v, &o->volumes, e) == -1)
		return -1;
	set_parsed(obj, "shares", &v);
	if (o->restart == NULL)
		return 0;
	if (restart_parse(&v, o->restart, e) == -1)
		return -1;
	set_parsed(obj, "restart_policy", &v);
	return 0;
}

int
run_request(json_t **ret, const struct run_opts *o, int argc, char **argv,
    struct err *e)
{
	own_json json_t *obj = json_object();
	char name[RUN_NAME_MAX + 1], time[32];

	run_name(name, argv[0]);
	json_object_set_new(obj, "name",
	    json_string(o->name != NULL ? o->name : name));
	if (json_object_set_new(obj, "image", json_string(argv[0])) == -1)
		return err_set(e, EILSEQ, "%s: not valid UTF-8", argv[0]);
	if (o->cpus > 0)
		json_object_set_new(obj, "vcpus",
		    json_integer((json_int_t)o->cpus));
	if (set_strings(obj, o, e) == -1 || set_lists(obj, o, e) == -1)
		return -1;
	set_network(obj, o);
	if (o->entrypoint != NULL)
		json_object_set_new(obj, "entrypoint",
		    json_pack("[s]", o->entrypoint));
	if ((argc > 1 || o->entrypoint != NULL) &&
	    set_words(obj, "cmd", argc - 1, argv + 1, e) == -1)
		return -1;
	if (o->tty)
		json_object_set_new(obj, "tty", json_true());
	/* In the foreground we need the exit code before it goes. */
	if (o->remove && o->detach)
		json_object_set_new(obj, "auto_remove", json_true());
	if (o->stop_timeout_ms > 0) {
		(void)snprintf(time, sizeof(time), "%llums",
		    (unsigned long long)o->stop_timeout_ms);
		json_object_set_new(obj, "stop_timeout", json_string(time));
	}
	*ret = take(&obj);
	return 0;
}
