/* SPDX-License-Identifier: ISC */
/*
 * guest_config.h - what the host wants of this guest
 *
 * The file /vmd/config of the initrd: records, docs/ARCHITECTURE.md
 * "Guest".  Unlike requests of the agent an unknown record is refused: a
 * guest that does half of what it was told is worse than one that says so.
 */

#ifndef GUEST_GUEST_CONFIG_H
#define GUEST_GUEST_CONFIG_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/words.h"
#include "lib/err.h"

#define CONFIG_BYTES_MAX	1048576	/* of the file */
#define CONFIG_MOUNTS_MAX	32
#define CONFIG_DNS_MAX		8
#define CONFIG_GRACE_MAX	86400	/* seconds */

enum guest_net {
	CONFIG_NET_NONE,	/* only the loopback interface */
	CONFIG_NET_DHCP,
	CONFIG_NET_STATIC,
};

struct guest_mount {
	const char	*device;	/* of a share: its tag */
	const char	*path;		/* absolute */
	bool		 readonly;
	bool		 share;		/* a directory of the host, virtiofs */
};

struct guest_config {
	const char	*hostname;
	const char	*root;		/* device; NULL: not told */
	const char	*rootfs;	/* its file system */
	const char	*overlay;	/* device; NULL: a tmpfs */
	enum guest_net	 net;
	struct in_addr	 addr;		/* CONFIG_NET_STATIC */
	unsigned	 addr_len;
	struct in_addr	 gateway;	/* 0: none */
	const char	*dns[CONFIG_DNS_MAX];
	size_t		 ndns;
	struct words	 argv;
	struct words	 env;		/* "NAME=VALUE" */
	const char	*cwd;		/* absolute; "/" */
	const char	*user;		/* "" is root */
	int		 stopsignal;	/* SIGTERM */
	uint64_t	 grace_ms;	/* 10 s */
	bool		 tty;
	bool		 init;		/* the command becomes process 1 */
	struct guest_mount mounts[CONFIG_MOUNTS_MAX];
	size_t		 nmounts;
	uint8_t		*data;		/* the strings' memory; private */
};

/* A configuration of nothing: no root, no network, no command. */
void	guest_config_init(struct guest_config *);
void	guest_config_fini(struct guest_config *);

/* Read records into a config that was set up.  Copies the data. */
int	guest_config_parse(struct guest_config *, const void *, size_t len,
	    struct err *);

#endif
