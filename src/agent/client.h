/* SPDX-License-Identifier: ISC */
/*
 * client.h - the host's side of the agent protocol, on libevent
 *
 * One session is one connection: agent_open(), one request, callbacks until
 * done(), agent_close().  See docs/agent-protocol.md for what the members
 * mean.  No call blocks.  Callbacks come from the event loop only, never
 * from inside a call; the session may be closed in any of them.
 *
 * Back-pressure.  Towards the guest: agent_room() says how many bytes may be
 * handed over; a call that hands over more than that is refused with EAGAIN;
 * writable() tells when there is room for AGENT_DATA_MAX again, so do not
 * insist on more at once.  From the guest: after
 * agent_pause() no output(), entry(), data() or hole() comes until
 * agent_resume(), and no more than one frame is held here.
 */

#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/entry.h"
#include "lib/err.h"
#include "lib/own.h"

struct event_base;
struct agent_session;

#define AGENT_CLIENT_BUFFER	262144	/* bytes waiting for the guest */
#define AGENT_ADDRS_MAX		64	/* interfaces, and addresses of each */

enum agent_stream {
	AGENT_STREAM_STDOUT	= 1,
	AGENT_STREAM_STDERR	= 2,
};

/* How a session ended.  Valid during done(). */
struct agent_result {
	/*
	 * NULL: the request was carried out.  Else why not: num is an errno
	 * of Linux, code a static word of the protocol ("not_found"), or
	 * "disconnected" (the guest or its vsock went away), "protocol",
	 * "no_agent" (nobody answers at port 2222 yet).
	 */
	const struct err *err;
	int		 exit_code;	/* EXEC: 0-255, 128 + n for a signal */
	const char	*signal;	/* EXEC: "KILL", or NULL */
	bool		 timed_out;	/* EXEC: the timeout ended it */
	bool		 started;	/* EXEC: the program did run */
	uint64_t	 bytes;		/* PUT, GET */
	uint64_t	 entries;
	const struct agent_if *ifs;	/* ADDRS */
	size_t		 nifs;
};

struct agent_if {
	char		 name[16];
	char		 mac[18];	/* "" when it has none */
	unsigned	 mtu;
	bool		 up;
	char		(*addrs)[64];	/* "10.0.2.15/24" */
	size_t		 naddrs;
};

/* A member may be NULL when the request never causes it; done may not. */
struct agent_handler {
	/* The agent answered HELLO.  mode is "exec" or "init". */
	void (*hello)(void *arg, const char *mode);
	/* EXEC: the program has been executed. */
	void (*started)(void *arg, uint32_t pid);
	/* EXEC: bytes of the command. */
	void (*output)(void *arg, enum agent_stream, const void *, size_t);
	/* EXEC, PUT: agent_room() was below AGENT_DATA_MAX and no more is. */
	void (*writable)(void *arg);
	/* GET, STAT: one object; then for files data() and hole() in order. */
	void (*entry)(void *arg, const struct agent_entry *);
	void (*data)(void *arg, const void *, size_t);
	void (*hole)(void *arg, uint64_t len);
	/* The last callback.  The session still wants agent_close(). */
	void (*done)(void *arg, const struct agent_result *);
};

/*
 * Connect to the vsock socket 'name' below dirfd (vsock.sock in a VM's
 * directory), to guest port 2222.  The handler must outlive the session; a
 * guest without an agent is reported by done().  'time_limit_ms' is how long
 * the agent may take to answer HELLO, 0 for ever.
 */
int	agent_open(struct agent_session **ret, struct event_base *,
	    const struct agent_handler *, void *arg, struct err *);
int	agent_connect(struct agent_session *, int dirfd, const char *name,
	    uint64_t time_limit_ms, struct err *);

/* As agent_connect() over a connected stream socket, which it takes. */
int	agent_attach(struct agent_session *, int fd, uint64_t time_limit_ms,
	    struct err *);

/* Give everything back; a command that is not detached is killed. */
void	agent_close(struct agent_session *);
OWN_DEFINE(struct agent_session, agent_close);

/*
 * One request a session, at any time after agent_open(); it is sent when
 * the agent has answered.  agent_ping() ends with done() at HELLO.
 */
struct agent_exec {
	const char *const *argv;	/* NULL at the end; at least one */
	const char *const *env;		/* "NAME=VALUE", as argv; or NULL */
	const char	*cwd;		/* or NULL: the image's */
	const char	*user;		/* or NULL: the image's */
	bool		 tty;
	bool		 no_stdin;	/* standard input is /dev/null */
	bool		 detach;	/* done() comes when it was started */
	unsigned	 rows;		/* 0: 24 and 80 */
	unsigned	 cols;
	uint64_t	 timeout_ms;	/* 0: none */
};
int	agent_ping(struct agent_session *, struct err *);
int	agent_exec(struct agent_session *, const struct agent_exec *,
	    struct err *);
int	agent_put(struct agent_session *, const char *path, bool parents,
	    struct err *);
int	agent_get(struct agent_session *, const char *path, bool follow,
	    struct err *);
int	agent_stat(struct agent_session *, const char *path, bool follow,
	    struct err *);
int	agent_addrs(struct agent_session *, struct err *);
/* signal NULL: the image's; grace_ms -1: the image's. */
int	agent_shutdown(struct agent_session *, const char *signal,
	    int64_t grace_ms, struct err *);

/* Who a guest is that was made from another's memory; NULL: as it is. */
struct agent_identity {
	const char	*hostname;
	const char	*mac;		/* of its first card, "aa:bb:.." */
	const char	*machine_id;	/* 32 hexadecimal digits */
	const char	*seed;		/* entropy, hexadecimal */
};
int	agent_identity(struct agent_session *, const struct agent_identity *,
	    struct err *);

/*
 * While an EXEC runs; before it has started they wait.  agent_stdin() takes
 * all of len or nothing (EAGAIN: len is above agent_room()).
 */
size_t	agent_room(const struct agent_session *);
int	agent_stdin(struct agent_session *, const void *, size_t len,
	    struct err *);
int	agent_stdin_eof(struct agent_session *, struct err *);
int	agent_signal(struct agent_session *, const char *name, struct err *);
int	agent_resize(struct agent_session *, unsigned rows, unsigned cols,
	    struct err *);

/*
 * While a PUT runs.  After a file's entry exactly its size in data and
 * holes.  Data takes all of len or nothing, as agent_stdin().
 */
int	agent_put_entry(struct agent_session *, const struct agent_entry *,
	    struct err *);
int	agent_put_data(struct agent_session *, const void *, size_t len,
	    struct err *);
int	agent_put_hole(struct agent_session *, uint64_t len, struct err *);
int	agent_put_end(struct agent_session *, struct err *);

/* Stop and go on with callbacks that carry the guest's bytes. */
void	agent_pause(struct agent_session *);
void	agent_resume(struct agent_session *);

#endif
