/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmd-conf: reads a vm.conf for vmd, or checks one for people
 *
 * Process: one a reading; started by vmd as the user of its jobs.
 * Sandbox: reads files, and nothing else (os/sandbox.c, SANDBOX_CONF).
 * Needs: the open file, or its name; files that it includes.
 */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/request.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/num.h"
#include "os/sandbox.h"

#define DEFINES_MAX	64
#define PRINT_MAX	(256U << 20)	/* bytes of what -v prints */
#define FILES_MAX	(16U << 20)	/* bytes for vmd */

static void __attribute__((noreturn))
usage(void)
{
	(void)fprintf(stderr, "usage: vmd-conf [-qv] [-D name=value] [-g fd] "
	    "[-i fd] [-r fd] file\n");
	exit(1);
}

/* --- for people ----------------------------------------------------------- */

/* quiet: errors only. */
static int
check(struct conf *c, bool quiet, bool print)
{
	const struct conf_message *m;
	const struct conf_vm *vm;
	struct buf b;

	TAILQ_FOREACH(m, &c->messages, entry)
		if (!quiet || !m->warning)
			(void)fprintf(stderr, "%s\n", m->text);
	if (c->errors > 0 || quiet)
		return c->errors > 0;
	TAILQ_FOREACH(vm, &c->vms, entry) {
		const char *what = conf_vm_unsupported(c, vm);

		if (what != NULL)
			(void)fprintf(stderr, "%s:%u: warning: vm \"%s\" "
			    "cannot be started: %s\n", vm->file, vm->line,
			    vm->name, what);
	}
	(void)fprintf(stderr, "configuration OK\n");
	if (!print)
		return 0;
	buf_init(&b, PRINT_MAX);
	conf_print(&b, c);
	if (b.len > 0)
		(void)fwrite(b.data, 1, b.len, stdout);
	buf_fini(&b);
	return fflush(stdout) == EOF ? 1 : 0;
}

/* --- for vmd -------------------------------------------------------------- */

static void
put_line(int fd, json_t *taken)
{
	own_json json_t *line = taken;
	own_mem char *text = line == NULL ? NULL : json_print(line);

	if (text == NULL || write_full(fd, text, strlen(text)) == -1 ||
	    write_full(fd, "\n", 1) == -1)
		fatalx("report");
}

static void
put_message(int fd, const char *text, bool warning)
{
	json_t *s = json_string(text);

	put_line(fd, json_pack("{s:s,s:b,s:o}", "event", "message",
	    "warning", warning, "text", s != NULL ? s :
	    json_string("a line that is not UTF-8 has an error")));
}

/* Nothing when there was an error: what vmd has stays. */
static void
put_files(const struct conf *c, int fd)
{
	struct buf b;

	buf_init(&b, FILES_MAX);
	if (conf_files(&b, c) == -1 || write_full(fd, b.data, b.len) == -1)
		fatal("files");
	buf_fini(&b);
}

static int
report(struct conf *c, int fd, int files)
{
	const struct conf_message *m;
	const struct conf_vm *vm;
	unsigned errors = c->errors;
	json_t *last;

	TAILQ_FOREACH(m, &c->messages, entry)
		put_message(fd, m->text, m->warning);
	TAILQ_FOREACH(vm, &c->vms, entry) {
		json_t *v = errors > 0 ? NULL : conf_vm_json(c, vm);
		char text[CONF_PATH_MAX + 64];

		if (v != NULL) {
			put_line(fd, json_pack("{s:s,s:o}", "event", "vm",
			    "vm", v));
			continue;
		}
		if (errors > 0)
			break;
		(void)snprintf(text, sizeof(text), "%s:%u: not valid UTF-8",
		    vm->file, vm->line);
		put_message(fd, text, false);
		c->errors++;
	}
	if (c->errors == 0 && files != -1)
		put_files(c, files);
	last = conf_switches_json(c);
	if (last == NULL) {
		put_message(fd, "a switch is not valid UTF-8", false);
		last = json_array();
	}
	last = json_pack("{s:s,s:i,s:b,s:i,s:i,s:o}", "event", "done",
	    "errors", (int)c->errors, "staggered", c->staggered,
	    "parallel", (int)c->parallel, "delay", (int)c->delay,
	    "switches", last);
	if (c->prefix != NULL)
		(void)json_object_set_new(last, "prefix",
		    json_string(c->prefix));
	if (c->inet6)
		(void)json_object_set_new(last, "prefix6",
		    json_string(c->prefix6 != NULL ? c->prefix6 : "any"));
	put_line(fd, last);
	return 0;
}

/* --- both ----------------------------------------------------------------- */

static int
fd_number(const char *text)
{
	uint64_t n;
	struct err e;

	if (num_parse(&n, text, 0, 65535, &e) == -1)
		fatalx("%s", e.text);
	return (int)n;
}

/* Any file may be included; none is written. */
static void
confine(void)
{
	struct sandbox s = { .program = SANDBOX_CONF };
	char missing[SANDBOX_MISSING_MAX];
	struct err e;

	sandbox_add(&s, "/", SANDBOX_READ);
	if (sandbox_enter(&s, missing, &e) == -1)
		fatalx("%s", e.text);
}

int
main(int argc, char **argv)
{
	OWN(conf_destroy) struct conf *c = conf_new();
	struct conf_define defines[DEFINES_MAX];
	struct conf_input in = { .fd = -1, .defines = defines };
	bool quiet = false, verbose = false;
	int ch, out = -1, files = -1;
	struct err e;

	log_init("vmd-conf", LOG_STYLE_PLAIN, 0);
	while ((ch = getopt(argc, argv, "D:g:i:qr:v")) != -1)
		switch (ch) {
		case 'D':
			if (in.ndefines == DEFINES_MAX)
				fatalx("-D: more than %d", DEFINES_MAX);
			if (conf_define_parse(&defines[in.ndefines++], optarg,
			    &e) == -1)
				fatalx("%s", e.text);
			break;
		case 'g':
			files = fd_number(optarg);
			break;
		case 'i':
			in.fd = fd_number(optarg);
			break;
		case 'q':
			quiet = true;
			break;
		case 'r':
			out = fd_number(optarg);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			usage();
		}
	if (argc - optind != 1)
		usage();
	in.name = argv[optind];
	confine();
	(void)conf_parse(c, &in);
	return out == -1 ? check(c, quiet, verbose) : report(c, out, files);
}
