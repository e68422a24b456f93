/* SPDX-License-Identifier: ISC */
/* cmd.c - finding a command by its row, and running it; see cmd.h */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"

#define USAGE_WIDTH	78	/* columns of a usage line */
#define USAGE_MAX	8192	/* bytes of one */
#define WORDS_MAX	64	/* first words of commands */

static const struct command *const commands[] = {
	&cmd_capabilities, &cmd_completion, &cmd_console, &cmd_cp,
	&cmd_create, &cmd_exec,
	&cmd_fork, &cmd_help, &cmd_image_import, &cmd_image_inspect,
	&cmd_image_ls, &cmd_image_prune, &cmd_image_rm, &cmd_images,
	&cmd_inspect, &cmd_load, &cmd_log, &cmd_logs,
	&cmd_pause, &cmd_ps, &cmd_pull, &cmd_receive, &cmd_reload,
	&cmd_reset,
	&cmd_resources, &cmd_restore, &cmd_rm, &cmd_rmi, &cmd_run, &cmd_send,
	&cmd_show,
	&cmd_snapshot_create, &cmd_snapshot_delete, &cmd_snapshot_fork,
	&cmd_snapshot_list, &cmd_snapshot_restore, &cmd_standby, &cmd_start,
	&cmd_stats, &cmd_status, &cmd_stop, &cmd_unpause, &cmd_version,
	&cmd_volume_create, &cmd_volume_ls, &cmd_volume_rm, &cmd_wait,
};

const struct command *
cmd_at(size_t i)
{
	return i < COUNT(commands) ? commands[i] : NULL;
}

struct api *
ctx_api(struct ctx *ctx, struct err *e)
{
	if (ctx->api == NULL)
		(void)api_open(&ctx->api, ctx->host, ctx->verbose, e);
	return ctx->api;
}

static int
failure_status(const struct ctx *ctx)
{
	if (ctx->cmd == NULL || ctx->cmd->failure == 0)
		return EXIT_ERROR;
	return ctx->cmd->failure;
}

int
cmd_fail(const struct ctx *ctx, const struct err *e)
{
	const char *advice = api_advice(e);

	log_warnx("%s", e->text);
	if (advice != NULL)
		(void)fprintf(stderr, "%s\n", advice);
	return failure_status(ctx);
}

/* --- usage ------------------------------------------------------------- */

/* Put a word of the usage, on the next line when this one is full. */
static void
usage_word(struct buf *b, size_t *column, const char *word)
{
	size_t len = strlen(word);

	if (*column + 1 + len > USAGE_WIDTH) {
		(void)buf_puts(b, "\n\t    ");
		*column = 12;
	} else {
		(void)buf_puts(b, " ");
		*column += 1;
	}
	(void)buf_puts(b, word);
	*column += len;
}

static void
usage_options(struct buf *b, size_t *column, const struct command *c)
{
	char word[128];
	size_t n = 0;

	word[n++] = '[';
	word[n++] = '-';
	for (size_t i = 0; i < c->nopts; i++)
		if (c->opts[i].letter != 0 && c->opts[i].arg == NULL)
			word[n++] = c->opts[i].letter;
	word[n++] = ']';
	word[n] = '\0';
	if (n > 3)
		usage_word(b, column, word);
	for (size_t i = 0; i < c->nopts; i++) {
		const struct opt *o = &c->opts[i];

		if (o->letter != 0 && o->arg == NULL)
			continue;
		if (o->letter != 0)
			(void)snprintf(word, sizeof(word), "[-%c %s]",
			    o->letter, o->arg);
		else
			(void)snprintf(word, sizeof(word), "[--%s%s%s]",
			    o->name, o->arg != NULL ? " " : "",
			    o->arg != NULL ? o->arg : "");
		usage_word(b, column, word);
	}
}

static void
print_usage(FILE *to, const struct command *c)
{
	size_t column = 8 + strlen("vmctl [-v]");
	struct buf b;

	if (c == NULL) {
		(void)fprintf(to, "usage:\tvmctl [-v] command [arg ...]\n");
		return;
	}
	buf_init(&b, USAGE_MAX);
	(void)buf_puts(&b, "usage:\tvmctl [-v]");
	usage_word(&b, &column, c->name);
	usage_options(&b, &column, c);
	if (c->args[0] != '\0')
		usage_word(&b, &column, c->args);
	(void)fprintf(to, "%s\n", b.len > 0 ? (char *)b.data : "");
	buf_fini(&b);
}

int
cmd_usage(const struct ctx *ctx)
{
	print_usage(stderr, ctx->cmd);
	return failure_status(ctx);
}

static void
print_help(const struct command *c)
{
	char left[64];

	print_usage(stdout, c);
	(void)printf("\n%s\n", c->help);
	for (size_t i = 0; i < c->nopts; i++) {
		const struct opt *o = &c->opts[i];

		(void)snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
		    o->letter != 0 ? '-' : ' ',
		    o->letter != 0 ? o->letter : ' ',
		    o->letter != 0 ? "," : " ", o->name,
		    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
		(void)printf("%s  %-30s %s\n", i == 0 ? "\n" : "", left,
		    o->help);
	}
}

/* --- which command ----------------------------------------------------- */

/* How word number 'level' of a command's name fits s. */
enum fit { FIT_NOT, FIT_PREFIX, FIT_EXACT };

/* Word 'level' (0, 1) of a command's name; its length, 0 for none. */
static size_t
name_word(const char **ret, const struct command *c, int level)
{
	const char *s = c->name;

	if (level == 1) {
		s = strchr(s, ' ');
		if (s == NULL)
			return 0;
		s++;
	}
	*ret = s;
	return strcspn(s, " ");
}

static enum fit
fits(const struct command *c, int level, const char *s)
{
	const char *word;
	size_t len = name_word(&word, c, level), n = strlen(s);

	if (len == n && strncmp(word, s, n) == 0)
		return FIT_EXACT;
	if (len > n && n > 0 && strncmp(word, s, n) == 0 && !c->hidden)
		return FIT_PREFIX;
	return FIT_NOT;
}

/* Distinct words of a level below a group (group[0] has no group's words). */
struct choice {
	char		 text[WORDS_MAX][24];
	const char	*words[WORDS_MAX];
	size_t		 n;
};

static void
choice_add(struct choice *ch, const char *word, size_t len)
{
	char *to;

	for (size_t i = 0; i < ch->n; i++)
		if (strlen(ch->words[i]) == len &&
		    strncmp(ch->words[i], word, len) == 0)
			return;
	assert(ch->n < WORDS_MAX && len < sizeof(ch->text[0]));
	to = ch->text[ch->n];
	memcpy(to, word, len);
	to[len] = '\0';
	ch->words[ch->n++] = to;
}

/*
 * OpenBSD's commands.  A prefix that is one's alone among them is that one,
 * whatever we have besides: scripts and fingers know it.
 */
static const char *
openbsd_word(const struct choice *ch)
{
	static const char *const words[] = { "console", "create", "load",
	    "log", "pause", "reload", "reset", "show", "start", "status",
	    "stop", "unpause", "wait" };
	const char *found = NULL;

	for (size_t i = 0; i < ch->n; i++) {
		for (size_t k = 0; k < COUNT(words); k++) {
			if (strcmp(ch->words[i], words[k]) != 0)
				continue;
			if (found != NULL)
				return NULL;
			found = ch->words[i];
		}
	}
	return found;
}

/*
 * Find the words of 'level' that fit s, among the commands of a group (NULL:
 * the first level).  One word is returned; else the reason is printed.
 */
static const char *
find_word(struct choice *ch, int level, const char *group, const char *s)
{
	struct choice all = { .n = 0 };
	const char *word, *near;
	enum fit fit;
	size_t len;

	for (size_t i = 0; i < COUNT(commands); i++) {
		const struct command *c = commands[i];

		if (group != NULL && fits(c, 0, group) != FIT_EXACT)
			continue;
		len = name_word(&word, c, level);
		if (len == 0)
			continue;
		fit = fits(c, level, s);
		if (fit == FIT_EXACT) {
			ch->n = 0;
			choice_add(ch, word, len);
			return ch->words[0];
		}
		if (fit == FIT_PREFIX)
			choice_add(ch, word, len);
		if (!c->hidden)
			choice_add(&all, word, len);
	}
	if (ch->n == 1)
		return ch->words[0];
	if (level == 0 && (word = openbsd_word(ch)) != NULL)
		return word;
	(void)fprintf(stderr, "%s argument: %s\n",
	    ch->n > 1 ? "ambiguous" : "unknown", s);
	near = opt_nearest(s, all.words, all.n);
	if (ch->n == 0 && near != NULL)
		(void)fprintf(stderr, "did you mean %s?\n", near);
	for (size_t i = 0; i < ch->n; i++)
		(void)fprintf(stderr, "%s%s%s", i == 0 ? "could be " : ", ",
		    ch->words[i], i == ch->n - 1 ? "\n" : "");
	return NULL;
}

/* The command argv names, and how many words of argv that took. */
static const struct command *
find_command(int *words, int argc, char **argv)
{
	struct choice first = { .n = 0 }, second = { .n = 0 };
	const char *w, *sub = NULL;
	bool group = false;

	w = find_word(&first, 0, NULL, argv[0]);
	if (w == NULL)
		return NULL;
	*words = 1;
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (strcmp(commands[i]->name, w) == 0)
			return commands[i];
		group = group || fits(commands[i], 0, w) == FIT_EXACT;
	}
	assert(group);
	if (argc < 2 || argv[1][0] == '-') {
		(void)fprintf(stderr, "%s what?\n", w);
		for (size_t i = 0; i < COUNT(commands); i++)
			if (fits(commands[i], 0, w) == FIT_EXACT)
				(void)fprintf(stderr, "  %-18s %s\n",
				    commands[i]->name, commands[i]->help);
		return NULL;
	}
	sub = find_word(&second, 1, w, argv[1]);
	*words = 2;
	for (size_t i = 0; sub != NULL && i < COUNT(commands); i++)
		if (fits(commands[i], 0, w) == FIT_EXACT &&
		    fits(commands[i], 1, sub) == FIT_EXACT)
			return commands[i];
	return NULL;
}

int
cmd_main(struct ctx *ctx, int argc, char **argv)
{
	_Alignas(max_align_t) char values[CMD_VALUES_MAX] = { 0 };
	struct opt_input in = { 0 };
	struct err e = { 0 };
	int words = 0, n, status;

	if (argc > 0)
		ctx->cmd = find_command(&words, argc, argv);
	if (ctx->cmd == NULL) {
		print_usage(stderr, NULL);
		return EXIT_ERROR;
	}
	in.argv = argv + words;
	in.argc = argc - words;
	in.mixed = !ctx->cmd->guest_args;
	n = opt_parse(ctx->cmd->opts, ctx->cmd->nopts, &in, values, &e);
	if (in.help) {
		print_help(ctx->cmd);
		status = 0;
	} else if (n == -1) {
		log_warnx("%s", e.text);
		status = cmd_usage(ctx);
	} else if (n < ctx->cmd->min ||
	    (ctx->cmd->max != -1 && n > ctx->cmd->max)) {
		status = cmd_usage(ctx);
	} else
		status = ctx->cmd->run(ctx, values, n, in.argv);
	opt_free(ctx->cmd->opts, ctx->cmd->nopts, values);
	return status;
}

/* --- help -------------------------------------------------------------- */

struct help_opts {
	bool	table;
};

static const struct opt help_opts[] = {
	{ 0, "table", NULL, "One command or option a line, for programs",
	    OPT_FLAG, offsetof(struct help_opts, table), 0, 0, NULL, 0 },
};

/* "command\tNAME" and "option\tNAME\t-l\t--long\tARG"; "" for what is not. */
static void
help_table(void)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		const struct command *c = commands[i];

		(void)printf("%s\t%s\n", c->hidden ? "hidden" : "command",
		    c->name);
		for (size_t j = 0; j < c->nopts; j++) {
			const struct opt *o = &c->opts[j];
			char letter[3] = { '-', o->letter, '\0' };

			(void)printf("option\t%s\t%s\t--%s\t%s\n", c->name,
			    o->letter != 0 ? letter : "", o->name,
			    o->arg != NULL ? o->arg : "");
		}
	}
}

static int
help_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct help_opts *o = values;
	const struct command *c;
	int words;

	(void)ctx;
	if (o->table) {
		help_table();
		return 0;
	}
	if (argc > 0) {
		c = find_command(&words, argc, argv);
		if (c == NULL)
			return EXIT_ERROR;
		print_help(c);
		return 0;
	}
	(void)printf("usage:\tvmctl [-v] [-H host] command [arg ...]\n\n");
	for (size_t i = 0; i < COUNT(commands); i++)
		if (!commands[i]->hidden)
			(void)printf("  %-18s %s\n", commands[i]->name,
			    commands[i]->help);
	(void)printf("\n'vmctl help COMMAND' shows its options.\n");
	return 0;
}

const struct command cmd_help = {
	.name = "help", .args = "[command]",
	.help = "Print the commands, or the options of one",
	.run = help_run, .opts = help_opts, .nopts = COUNT(help_opts),
	.min = 0, .max = 2, .complete = COMPLETE_COMMAND,
};
