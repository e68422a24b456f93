/* SPDX-License-Identifier: ISC */
/*
 * cmd_completion.c - scripts that complete the command line in a shell
 *
 * Commands and options come from the rows of cmd.c, names from vmctl
 * itself when the key is pressed, so a script is as new as the program.
 */

#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "vmctl/cmd.h"

/* --- what the scripts have in common ----------------------------------- */

/* Shell words that list what can stand in a place; "" for nothing. */
static const char *
names_of(enum complete c)
{
	switch (c) {
	case COMPLETE_VM:
		return "vms";
	case COMPLETE_IMAGE:
		return "images";
	case COMPLETE_VOLUME:
		return "volumes";
	case COMPLETE_SNAPSHOT:
		return "snapshots";
	case COMPLETE_FILE:
		return "files";
	case COMPLETE_COMMAND:
		return "commands";
	case COMPLETE_NONE:
		break;
	}
	return "";
}

/* Distinct first words, or the second words of a group. */
static void
print_words(const char *group)
{
	const struct command *c, *before = NULL;
	size_t len, glen = group == NULL ? 0 : strlen(group);
	const char *sep = "";

	for (size_t i = 0; (c = cmd_at(i)) != NULL; before = c, i++) {
		len = strcspn(c->name, " ");
		if (c->hidden)
			continue;
		if (group == NULL) {
			if (before != NULL && strncmp(before->name, c->name,
			    len) == 0 && before->name[len] == ' ')
				continue;
			(void)printf("%s%.*s", sep, (int)len, c->name);
		} else if (len == glen && c->name[len] == ' ' &&
		    strncmp(c->name, group, glen) == 0)
			(void)printf("%s%s", sep, c->name + len + 1);
		else
			continue;
		sep = " ";
	}
}

/* The names of groups: first words that have second ones. */
static const char *const groups[] = { "image", "snapshot",
    "volume" };

/* --- bash -------------------------------------------------------------- */

static const char bash_head[] =
"# bash completion for vmctl; made by 'vmctl completion bash'\n"
"\n"
"_vmctl_names() {\n"
"	case $1 in\n"
"	vms) vmctl ps -a --format json 2>/dev/null |\n"
"	    sed -n 's/.*\"name\":\"\\([^\"]*\\)\".*/\\1/p' ;;\n"
"	images) vmctl images -q 2>/dev/null ;;\n"
"	volumes) vmctl volume ls -q --no-trunc 2>/dev/null ;;\n"
"	snapshots) vmctl snapshot list -q --no-trunc 2>/dev/null ;;\n"
"	commands) vmctl help --table 2>/dev/null |\n"
"	    sed -n 's/^command\t\\([^\t]*\\).*/\\1/p' ;;\n"
"	esac\n"
"}\n"
"\n"
"_vmctl() {\n"
"	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
"	local i=1 cmd= opts= value= args=\n"
"	while [ $i -lt $COMP_CWORD ]; do\n"
"		case ${COMP_WORDS[i]} in\n"
"		-H|--host) i=$((i + 1)) ;;\n"
"		-*) ;;\n"
"		*) cmd=${COMP_WORDS[i]}; break ;;\n"
"		esac\n"
"		i=$((i + 1))\n"
"	done\n"
"	case $cmd in\n"
"	'') COMPREPLY=($(compgen -W '";

static const char bash_tail[] =
"	esac\n"
"	case $args in\n"
"	files) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
"	esac\n"
"	case $cur in\n"
"	-*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;;\n"
"	*) COMPREPLY=($(compgen -W \"$(_vmctl_names $args)\" -- \"$cur\")) ;;\n"
"	esac\n"
"}\n"
"complete -o default -F _vmctl vmctl\n";

static void
bash_command(const struct command *c)
{
	(void)printf("\t'%s')\n\t\topts='", c->name);
	for (size_t i = 0; i < c->nopts; i++) {
		if (c->opts[i].letter != 0)
			(void)printf("-%c ", c->opts[i].letter);
		(void)printf("--%s ", c->opts[i].name);
	}
	(void)printf("--help'\n\t\targs=%s\n", names_of(c->complete));
	for (size_t i = 0; i < c->nopts; i++) {
		const struct opt *o = &c->opts[i];

		if (o->complete == COMPLETE_NONE)
			continue;
		(void)printf("\t\t[ \"$prev\" = --%s ] && args=%s\n", o->name,
		    names_of(o->complete));
		if (o->letter != 0)
			(void)printf("\t\t[ \"$prev\" = -%c ] && args=%s\n",
			    o->letter, names_of(o->complete));
	}
	(void)printf("\t\t;;\n");
}

static void
print_bash(void)
{
	const struct command *c;

	(void)fputs(bash_head, stdout);
	print_words(NULL);
	(void)printf("' -- \"$cur\")); return ;;\n");
	for (size_t i = 0; i < COUNT(groups); i++) {
		(void)printf("\t%s)\n\t\tif [ $((i + 1)) -eq $COMP_CWORD ]; "
		    "then\n\t\t\tCOMPREPLY=($(compgen -W '", groups[i]);
		print_words(groups[i]);
		(void)printf("' -- \"$cur\")); return\n\t\tfi\n"
		    "\t\tcmd=\"$cmd ${COMP_WORDS[i+1]}\" ;;\n");
	}
	(void)printf("\tesac\n\tcase $cmd in\n");
	for (size_t i = 0; (c = cmd_at(i)) != NULL; i++)
		if (!c->hidden)
			bash_command(c);
	(void)fputs(bash_tail, stdout);
}

/* --- zsh --------------------------------------------------------------- */

static const char zsh_head[] =
"#compdef vmctl\n"
"# zsh completion for vmctl; made by 'vmctl completion zsh'\n"
"\n"
"_vmctl_vms() {\n"
"	compadd -- ${(f)\"$(vmctl ps -a --format json 2>/dev/null |\n"
"	    sed -n 's/.*\"name\":\"\\([^\"]*\\)\".*/\\1/p')\"}\n"
"}\n"
"_vmctl_images() { compadd -- ${(f)\"$(vmctl images -q 2>/dev/null)\"} }\n"
"_vmctl_volumes() {\n"
"	compadd -- ${(f)\"$(vmctl volume ls -q --no-trunc 2>/dev/null)\"}\n"
"}\n"
"_vmctl_commands() { compadd -- ";

/* Text of a specification: brackets, colons and quotes stand for others. */
static void
zsh_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (strchr("[]:", *s) != NULL)
			(void)putchar('\\');
		if (*s == '\'')
			(void)fputs("'\\'", stdout);
		(void)putchar(*s);
	}
}

static void
zsh_action(enum complete c)
{
	if (c == COMPLETE_FILE)
		(void)fputs("_files", stdout);
	else if (c != COMPLETE_NONE)
		(void)printf("_vmctl_%s", names_of(c));
}

static void
zsh_option(const char *spelled, const struct opt *o)
{
	(void)printf(" \\\n\t\t    '%s%s[", o->kind == OPT_LIST ? "*" : "",
	    spelled);
	zsh_text(o->help);
	(void)putchar(']');
	if (o->arg != NULL) {
		(void)putchar(':');
		zsh_text(o->arg);
		(void)putchar(':');
		zsh_action(o->complete);
	}
	(void)putchar('\'');
}

static void
zsh_command(const struct command *c)
{
	char spelled[80];

	(void)printf("\t'%s')\n\t\t_arguments -s", c->name);
	for (size_t i = 0; i < c->nopts; i++) {
		if (c->opts[i].letter != 0) {
			(void)snprintf(spelled, sizeof(spelled), "-%c",
			    c->opts[i].letter);
			zsh_option(spelled, &c->opts[i]);
		}
		(void)snprintf(spelled, sizeof(spelled), "--%s",
		    c->opts[i].name);
		zsh_option(spelled, &c->opts[i]);
	}
	(void)printf(" \\\n\t\t    '*:argument:");
	zsh_action(c->complete);
	(void)printf("' ;;\n");
}

static void
print_zsh(void)
{
	const struct command *c;

	(void)fputs(zsh_head, stdout);
	print_words(NULL);
	(void)printf(" }\n\n_vmctl() {\n\tlocal cmd=${words[2]}\n"
	    "\tif (( CURRENT == 2 )); then _vmctl_commands; return; fi\n"
	    "\tcase $cmd in\n");
	for (size_t i = 0; i < COUNT(groups); i++) {
		(void)printf("\t%s)\n\t\tif (( CURRENT == 3 )); then "
		    "compadd -- ", groups[i]);
		print_words(groups[i]);
		(void)printf("; return; fi\n\t\tcmd=\"$cmd ${words[3]}\"\n"
		    "\t\tshift words; (( CURRENT-- )) ;;\n");
	}
	(void)printf("\tesac\n\tshift words; (( CURRENT-- ))\n"
	    "\tcase $cmd in\n");
	for (size_t i = 0; (c = cmd_at(i)) != NULL; i++)
		if (!c->hidden)
			zsh_command(c);
	(void)printf("\tesac\n}\n\n_vmctl \"$@\"\n");
}

/* --- fish -------------------------------------------------------------- */

static const char fish_head[] =
"# fish completion for vmctl; made by 'vmctl completion fish'\n"
"\n"
"function __vmctl_vms\n"
"	vmctl ps -a --format json 2>/dev/null |\n"
"	    string match -rg '\"name\":\"([^\"]*)\"'\n"
"end\n"
"function __vmctl_images\n"
"	vmctl images -q 2>/dev/null\n"
"end\n"
"function __vmctl_volumes\n"
"	vmctl volume ls -q --no-trunc 2>/dev/null\n"
"end\n"
"function __vmctl_snapshots\n"
"	vmctl snapshot list -q --no-trunc 2>/dev/null\n"
"end\n"
"function __vmctl_is\n"
"	set -l words (commandline -opc)\n"
"	set -l last (math (count $argv) + 1)\n"
"	test (count $words) -ge $last; or return 1\n"
"	test \"$words[2..$last]\" = \"$argv\"\n"
"end\n"
"function __vmctl_first\n"
"	test (count (commandline -opc)) -eq 1\n"
"end\n"
"complete -c vmctl -f\n";

static void
fish_text(const char *s)
{
	(void)putchar('\'');
	for (; *s != '\0'; s++) {
		if (*s == '\'' || *s == '\\')
			(void)putchar('\\');
		(void)putchar(*s);
	}
	(void)putchar('\'');
}

static void
fish_source(enum complete c)
{
	if (c == COMPLETE_FILE)
		(void)printf(" -F");
	else if (c == COMPLETE_VM || c == COMPLETE_IMAGE ||
	    c == COMPLETE_VOLUME || c == COMPLETE_SNAPSHOT)
		(void)printf(" -a '(__vmctl_%s)'", names_of(c));
}

static void
fish_command(const struct command *c)
{
	size_t len = strcspn(c->name, " ");

	if (c->name[len] == '\0')
		(void)printf("complete -c vmctl -n __vmctl_first -a %s -d ",
		    c->name);
	else
		(void)printf("complete -c vmctl -n __vmctl_first -a %.*s\n"
		    "complete -c vmctl -n '__vmctl_is %.*s; and test "
		    "(count (commandline -opc)) -eq 2' -a %s -d ", (int)len,
		    c->name, (int)len, c->name, c->name + len + 1);
	fish_text(c->help);
	(void)putchar('\n');
	if (c->complete != COMPLETE_NONE) {
		(void)printf("complete -c vmctl -n '__vmctl_is %s'", c->name);
		fish_source(c->complete);
		(void)putchar('\n');
	}
	for (size_t i = 0; i < c->nopts; i++) {
		const struct opt *o = &c->opts[i];

		(void)printf("complete -c vmctl -n '__vmctl_is %s' -l %s",
		    c->name, o->name);
		if (o->letter != 0)
			(void)printf(" -s %c", o->letter);
		if (o->arg != NULL)
			(void)printf(o->complete == COMPLETE_FILE ?
			    " -r" : " -x");
		fish_source(o->complete);
		(void)printf(" -d ");
		fish_text(o->help);
		(void)putchar('\n');
	}
}

static void
print_fish(void)
{
	const struct command *c;

	(void)fputs(fish_head, stdout);
	for (size_t i = 0; (c = cmd_at(i)) != NULL; i++)
		if (!c->hidden)
			fish_command(c);
}

/* --- completion -------------------------------------------------------- */

static int
completion_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct {
		const char	*shell;
		void		(*print)(void);
	} shells[] = {
		{ "bash", print_bash }, { "zsh", print_zsh },
		{ "fish", print_fish },
	};

	(void)values;
	(void)argc;
	for (size_t i = 0; i < COUNT(shells); i++)
		if (strcmp(argv[0], shells[i].shell) == 0) {
			shells[i].print();
			return 0;
		}
	return cmd_usage(ctx);
}

const struct command cmd_completion = {
	.name = "completion", .args = "bash|zsh|fish",
	.help = "Print a script that completes the command line",
	.run = completion_run, .min = 1, .max = 1, .hidden = true,
};
