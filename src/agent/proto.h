/* SPDX-License-Identifier: ISC */
/*
 * proto.h - numbers of the agent protocol (docs/agent-protocol.md)
 */

#ifndef AGENT_PROTO_H
#define AGENT_PROTO_H

#define AGENT_VERSION		1
#define AGENT_PORT		2222	/* vsock, in the guest */
#define AGENT_READY_PORT	1024	/* vsock, on the host */

#define AGENT_FRAME_MAX		262144	/* bytes of payload */
#define AGENT_DATA_MAX		65536	/* bytes of payload of a data frame */
#define AGENT_STDIN_WINDOW	262144	/* bytes of STDIN without a WINDOW */
#define AGENT_WORDS_MAX		4096	/* arg and env records, each */
#define AGENT_SESSIONS_MAX	256	/* connections served at once */
#define AGENT_DEPTH_MAX		256	/* directories above each other */
#define AGENT_PATH_MAX		4096	/* bytes with the NUL */

enum agent_type {
	AGENT_HELLO	= 1,	/* records */

	AGENT_EXEC	= 2,	/* requests: records or nothing */
	AGENT_PUT	= 3,
	AGENT_GET	= 4,
	AGENT_STAT	= 5,
	AGENT_ADDRS	= 6,
	AGENT_SHUTDOWN	= 7,
	AGENT_IDENTITY	= 8,

	AGENT_STDIN	= 16,	/* client, after EXEC: data */
	AGENT_STDIN_EOF	= 17,	/* nothing */
	AGENT_SIGNAL	= 18,	/* records */
	AGENT_RESIZE	= 19,	/* records */

	AGENT_ENTRY	= 32,	/* either side of a copy: records */
	AGENT_DATA	= 33,	/* data */
	AGENT_HOLE	= 34,	/* u64 */
	AGENT_END	= 35,	/* records */

	AGENT_OK	= 48,	/* agent: records */
	AGENT_ERROR	= 49,	/* records */
	AGENT_STARTED	= 50,	/* records */
	AGENT_STDOUT	= 51,	/* data */
	AGENT_STDERR	= 52,	/* data */
	AGENT_WINDOW	= 53,	/* u64 */
	AGENT_EXIT	= 54,	/* records */
	AGENT_TYPES	= 55,	/* all types are below */
};

#endif
