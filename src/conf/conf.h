/* SPDX-License-Identifier: ISC */
/*
 * conf.h - vm.conf: what the file says, checked
 *
 * The language is OpenBSD's vm.conf(5) with keywords of our own; our manual
 * page of that name has all of it.  Parsing opens the file and those it
 * includes and changes nothing else.  All errors are found in one pass.
 *
 * Every string of a conf is part of it and goes with it.
 */

#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <sys/queue.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define CONF_FILE_MAX		(1 << 20)	/* bytes of one file */
#define CONF_FILES_MAX		64	/* read in one run */
#define CONF_DEPTH_MAX		16	/* files that include each other */
#define CONF_TEXT_MAX		(64 << 20)	/* bytes of all it becomes */
#define CONF_WORD_MAX		8096	/* bytes of a string */
#define CONF_MESSAGES_MAX	100	/* the first ones are kept */
#define CONF_MACROS_MAX		256
#define CONF_VMS_MAX		1024
#define CONF_SWITCHES_MAX	64
#define CONF_NAME_MAX		63	/* bytes of a VM's or switch's name */
#define CONF_GROUP_MAX		15	/* bytes of an interface group */
#define CONF_PATH_MAX		1023	/* bytes of a path */
#define CONF_DISKS_MAX		4
#define CONF_IFS_MAX		4
#define CONF_CPUS_MAX		128
#define CONF_LIST_MAX		256	/* words of command, variables.. */
#define CONF_VOLUMES_MAX	14
#define CONF_PORTS_MAX		64
#define CONF_VM_TEXT_MAX	32768	/* bytes of one VM's lists */
#define CONF_RDOMAIN_MAX	255
#define CONF_PARALLEL_MAX	1024	/* VMs started at a time */
#define CONF_DELAY_MAX		3600	/* seconds between them */
#define CONF_MEMORY_MIN		(1ULL << 20)	/* bytes */
#define CONF_MEMORY_MAX		(1ULL << 40)
#define CONF_MEMORY		(512ULL << 20)	/* when it is not said */
#define CONF_ID_NONE		UINT32_MAX	/* no user, no group */

/* A user and a group; CONF_ID_NONE where there is none. */
struct conf_owner {
	uint32_t	 uid;
	uint32_t	 gid;
};

struct conf_list {
	const char	*v[CONF_LIST_MAX];
	size_t		 n;
};

enum conf_format { CONF_FORMAT_ANY, CONF_FORMAT_RAW, CONF_FORMAT_QCOW2 };
enum conf_device { CONF_BOOT_ANY, CONF_BOOT_DISK, CONF_BOOT_CDROM,
	CONF_BOOT_NET };
enum conf_restart { CONF_RESTART_NEVER, CONF_RESTART_ALWAYS,
	CONF_RESTART_FAILURE };

struct conf_disk {
	const char	*path;
	enum conf_format format;
};

struct conf_if {
	const char	*name;		/* "tap3", or NULL */
	const char	*to;		/* name of a switch, or NULL */
	const char	*group;		/* or NULL */
	const char	*address;	/* of the guest; these: or NULL */
	const char	*address6;
	bool		 local;
	bool		 locked;
	bool		 down;
	bool		 has_lladdr;
	uint8_t		 lladdr[6];
	int		 rdomain;	/* -1: none */
};

/* What others may say of an instance: allow instance {...}. */
enum {
	CONF_ALLOW_BOOT		= 1,
	CONF_ALLOW_MEMORY	= 2,
	CONF_ALLOW_INTERFACE	= 4,
	CONF_ALLOW_DISK		= 8,
	CONF_ALLOW_CDROM	= 16,
	CONF_ALLOW_INSTANCE	= 32,
};

struct conf_vm {
	TAILQ_ENTRY(conf_vm) entry;
	const char	*file;		/* where it stands */
	unsigned	 line;
	const char	*name;
	const char	*parent;	/* of an instance, or NULL */
	bool		 disabled;
	struct conf_owner owner;
	/* OpenBSD's */
	uint64_t	 memory;	/* bytes, whole MiB */
	const char	*boot;		/* kernel or firmware, or NULL */
	enum conf_device device;
	const char	*cdrom;		/* or NULL */
	struct conf_disk disks[CONF_DISKS_MAX];
	size_t		 ndisks;
	struct conf_if	 ifs[CONF_IFS_MAX];
	size_t		 nifs;
	int		 min_ifs;	/* interfaces N; -1: not said */
	bool		 sev, seves;
	unsigned	 allow;		/* of the flags above */
	struct conf_owner allow_owner;
	/* ours */
	unsigned	 cpus;
	const char	*image;		/* these: or NULL */
	const char	*hypervisor;
	const char	*kernel;
	const char	*initramfs;
	const char	*cmdline;
	const char	*firmware;
	const char	*netboot;
	const char	*hostname;
	const char	*user;
	const char	*workdir;
	struct conf_list entrypoint;
	struct conf_list command;	/* words */
	struct conf_list env;		/* NAME=VALUE */
	struct conf_list volumes;	/* NAME:/PATH[:ro], /DIR:/PATH[:ro] */
	struct conf_list publish;	/* [ADDR:]HOST:GUEST[/udp] */
	enum conf_restart restart;
	uint64_t	 overlay;	/* bytes; these: 0: not said */
	uint64_t	 disk_rate;	/* bytes a second */
	uint64_t	 download;
	uint64_t	 upload;
};

struct conf_switch {
	TAILQ_ENTRY(conf_switch) entry;
	const char	*file;
	unsigned	 line;
	const char	*name;
	const char	*interface;	/* of the host */
	const char	*group;		/* or NULL */
	bool		 disabled;
	bool		 down;
	bool		 locked;
	int		 rdomain;	/* -1: none */
};

struct conf_message {
	TAILQ_ENTRY(conf_message) entry;
	bool		 warning;	/* the file is good in spite of it */
	const char	*text;		/* "FILE:LINE: what" */
};

struct conf_text;

struct conf {
	TAILQ_HEAD(, conf_vm)		 vms;
	TAILQ_HEAD(, conf_switch)	 switches;
	TAILQ_HEAD(, conf_message)	 messages;
	size_t		 nvms, nswitches, nmessages;
	unsigned	 errors;	/* counted, also those not kept */
	/* of the whole file */
	bool		 staggered;
	unsigned	 parallel;	/* staggered start; 0: not said */
	unsigned	 delay;		/* seconds */
	const char	*prefix;	/* local prefix, or NULL */
	bool		 inet6;		/* local inet6 */
	const char	*prefix6;	/* or NULL */
	struct conf_owner socket_owner;
	bool		 agentx;
	const char	*agentx_context;	/* or NULL */
	const char	*agentx_path;	/* or NULL */

	struct conf_text *texts;	/* all strings */
	size_t		 text;		/* bytes of them, and of macros read */
};

struct conf	*conf_new(void);	/* fatal() without memory */
void	conf_destroy(struct conf *);
OWN_DEFINE(struct conf, conf_destroy);

/*
 * A macro that the file cannot change: "name=value" of vmd -D.  Before
 * conf_parse().  Refused: no name, too many.
 */
struct conf_define {
	const char	*name;
	const char	*value;
};
int	conf_define_parse(struct conf_define *ret, char *text, struct err *);

/* What is parsed. */
struct conf_input {
	const char	*name;		/* of the file, for messages and to
					   find what it includes */
	int		 fd;		/* open for reading; -1: open 'name' */
	const struct conf_define *defines;
	size_t		 ndefines;
};

/*
 * Parse into a new conf.  0: no errors, warnings perhaps.  -1: errors; they
 * are among the messages, and what the conf else holds is of no use.
 */
int	conf_parse(struct conf *, const struct conf_input *);

/*
 * What vmd does not do yet of what the VM asks for, a sentence that begins
 * with the keyword; NULL: nothing.  Such a VM is defined but not started.
 */
const char *conf_vm_unsupported(struct conf *, const struct conf_vm *);

/* The kernel of its own, of "kernel" or "boot"; or NULL. */
const char *conf_vm_kernel(const struct conf_vm *);

/*
 * The files of the host that VMs name, as vmd keeps them (src/vmd/files.h).
 * -1: no room in the buf.
 */
struct buf;
int	conf_files(struct buf *, const struct conf *);

/* Print in one normal form: what was parsed, and nothing else. */
void	conf_print(struct buf *, const struct conf *);

/* [ADDR:]HOST:GUEST[/tcp|/udp]; ADDR numeric, of IPv6 in brackets. */
struct conf_port {
	char		 addr[INET6_ADDRSTRLEN];	/* "": every address */
	uint16_t	 host;
	uint16_t	 guest;
	bool		 udp;
};
int	conf_port_parse(struct conf_port *ret, const char *, struct err *);

/* "raw", "qcow2", ... of the enumerations; NULL for CONF_*_ANY. */
const char *conf_format_name(enum conf_format);
const char *conf_device_name(enum conf_device);
const char *conf_restart_name(enum conf_restart);
const char *conf_allow_name(unsigned bit);	/* of CONF_ALLOW_BOOT.. */

#endif
