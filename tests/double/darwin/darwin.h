/* SPDX-License-Identifier: ISC */
/*
 * darwin.h - what socket_darwin.c and memory_darwin.c find on macOS and not
 * here; included before them
 */

#ifndef DOUBLE_DARWIN_H
#define DOUBLE_DARWIN_H

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <unistd.h>

#define SO_NOSIGPIPE	0x1022
#define F_SETNOSIGPIPE	73
#define SOL_LOCAL	0
#define LOCAL_PEERCRED	1
#define LOCAL_PEERPID	2

/* The length of an address: its last byte, behind every path that is ours. */
#define sun_len	sun_path[sizeof(((struct sockaddr_un *)0)->sun_path) - 1]

int	getpeereid(int sock, uid_t *, gid_t *);
/* socket_darwin.c has its own prototype of this, as macOS has none. */
int	pthread_fchdir_np(int dirfd);

#endif
