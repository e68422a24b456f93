/* SPDX-License-Identifier: ISC */
/* exec_request.h - the first frame of an exec WebSocket, and those after it */

#ifndef CONTROL_EXEC_REQUEST_H
#define CONTROL_EXEC_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/client.h"
#include "lib/err.h"

#define EXEC_WORDS_MAX	1024	/* of the command, and variables */
#define EXEC_AGENT_MS	5000	/* for the agent's hello; wait_for_agent */
#define EXEC_CELLS_MAX	10000	/* rows or columns */

/* exec's strings lie in doc or are in env_text. */
struct exec_request {
	struct agent_exec	 exec;
	bool			 streams;
	uint64_t		 wait_ms;
	json_t			*doc;
	const char		*argv[EXEC_WORDS_MAX + 1];
	const char		*env[EXEC_WORDS_MAX + 1];
	char			*env_text[EXEC_WORDS_MAX];
	size_t			 nenv;
};

/* On failure *ret needs no exec_request_fini(). */
int	exec_request_parse(struct exec_request *ret, const char *text,
	    size_t len, struct err *);
void	exec_request_fini(struct exec_request *);

/* A text frame while it runs. */
enum exec_control {
	EXEC_STDIN,		/* it is none of these: standard input */
	EXEC_STDIN_EOF,
	EXEC_SIGNAL,		/* name */
	EXEC_RESIZE,		/* rows, cols */
};
struct exec_command {
	enum exec_control	 what;
	char			 signal[16];
	unsigned		 rows, cols;
};
void	exec_command_parse(struct exec_command *, const char *text,
	    size_t len);

#endif
