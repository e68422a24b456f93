/* SPDX-License-Identifier: ISC */
/*
 * spec.h - what a VM shall be: CreateInstanceRequest, checked
 *
 * The same JSON comes from clients, goes into the database and, with sizes
 * written for people, into answers.  What this version does not have is
 * refused by name; nothing is taken and then ignored, except what changes
 * nothing here (hotplug_size, skip_kernel_headers).
 */

#ifndef CONTROL_SPEC_H
#define CONTROL_SPEC_H

#include <sys/types.h>

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define SPEC_NAME_MAX		63	/* bytes of a name */
#define SPEC_IMAGE_MAX		511	/* bytes of an image's name */
#define SPEC_PLATFORM_MAX	63
#define SPEC_TAGS_MAX		50
#define SPEC_TAG_KEY_MAX	128	/* bytes */
#define SPEC_TAG_VALUE_MAX	256
#define SPEC_ENV_MAX		1024	/* variables */
#define SPEC_ENV_NAME_MAX	256	/* bytes */
#define SPEC_WORDS_MAX		1024	/* of entrypoint and of cmd */
#define SPEC_TEXT_MAX		32768	/* bytes of a word or a value */
#define SPEC_TOTAL_MAX		131072	/* bytes of all words and variables */
#define SPEC_PORTS_MAX		64
#define SPEC_VOLUMES_MAX	14	/* beside root and overlay */
#define SPEC_SHARES_MAX		8	/* directories of the host */
#define SPEC_IFS_MAX		4	/* interfaces that are taps */
#define SPEC_IFNAME_MAX		15	/* bytes of an interface's name */
#define SPEC_RDOMAIN_MAX	255
/* Volumes and shares: QEMU's small board has places for 24 devices. */
#define SPEC_MOUNTS_MAX		18
#define SPEC_PATH_MAX		1023	/* bytes of a path */
#define SPEC_DISKS_MAX		4	/* files of the host */
#define SPEC_CMDLINE_MAX	1535	/* bytes of a kernel's command line */
#define SPEC_VCPUS_MAX		128
#define SPEC_MEMORY_MIN		(32ULL << 20)	/* bytes; vminit needs that */
#define SPEC_MEMORY_MAX		(1ULL << 40)
#define SPEC_OVERLAY_MIN	(16ULL << 20)	/* bytes; ext4's journal */
#define SPEC_OVERLAY_MAX	(16ULL << 40)
#define SPEC_RATE_MIN		1024ULL		/* bytes a second */
#define SPEC_RATE_MAX		(1ULL << 40)
#define SPEC_DURATION_MAX	(365ULL * 86400 * 1000)	/* ms */

struct spec_port {
	char		host_ip[INET6_ADDRSTRLEN];	/* "": every address */
	uint16_t	host;
	uint16_t	guest;
	bool		udp;
};

struct spec_volume {
	char		*id;		/* as asked: id or name */
	char		*path;		/* where it is mounted */
	bool		 readonly;
};

struct spec_share {
	char		*host;		/* directory of the host, absolute */
	char		*path;		/* where it is mounted */
	bool		 readonly;
};

/* A disk image of the host. */
enum spec_format { FORMAT_ANY, FORMAT_RAW, FORMAT_QCOW2, FORMATS };

/* What firmware boots from. */
enum spec_boot { BOOT_ANY, BOOT_DISK, BOOT_CDROM, BOOT_NET, BOOTS };

struct spec_disk {
	char		*path;		/* absolute */
	enum spec_format format;	/* ANY: what the path says */
};

/* A card on a tap of the host; strings are "" where nothing is said. */
struct spec_if {
	char		 name[SPEC_IFNAME_MAX + 1];	/* of the tap */
	char		 to[SPEC_NAME_MAX + 1];	/* name of a switch */
	char		 group[SPEC_IFNAME_MAX + 1];
	uint8_t		 lladdr[6];
	bool		 has_lladdr;
	/* What the guest's addresses are known to be; all 0: not known. */
	uint32_t	 address;	/* host order */
	uint8_t		 address6[16];
	bool		 local;		/* a link to the host, with DHCP */
	bool		 locked;	/* to its address */
	bool		 down;
	unsigned	 rdomain;	/* 0: none */
};

enum spec_restart { RESTART_NEVER, RESTART_ALWAYS, RESTART_ON_FAILURE };

struct spec {
	char			*name;
	char			*image;		/* as asked; NULL: there is
						   a kernel or firmware */
	char			*template;	/* the VM of vm.conf that it
						   is an instance of, or NULL */
	char			*platform;	/* or NULL: the host's */
	char			*hypervisor;	/* "qemu" or NULL: auto */
	uint64_t		 memory;	/* bytes, as the other sizes */
	uint64_t		 hotplug;	/* not used; echoed */
	uint64_t		 overlay;
	uint64_t		 disk_io;	/* bytes/s; 0: no limit */
	uint64_t		 download;	/* to the guest */
	uint64_t		 upload;
	unsigned		 vcpus;
	bool			 network;
	bool			 tty;
	bool			 auto_remove;
	json_t			*env;		/* object or NULL */
	json_t			*tags;		/* object or NULL */
	json_t			*entrypoint;	/* array; NULL: the image's */
	json_t			*cmd;
	char			*user;		/* these three: NULL: image's */
	char			*working_dir;
	char			*stop_signal;
	char			*hostname;	/* NULL: the name */
	uint64_t		 stop_timeout;	/* ms */
	struct spec_port	*ports;
	size_t			 nports;
	struct spec_volume	*volumes;
	size_t			 nvolumes;
	struct spec_share	*shares;
	size_t			 nshares;
	/* files of the host: opened with their owner's rights, by vmd */
	struct spec_disk	 disks[SPEC_DISKS_MAX];
	size_t			 ndisks;
	char			*kernel;	/* these: NULL: vmd's own */
	char			*initramfs;
	char			*cmdline;
	char			*firmware;
	char			*cdrom;		/* these: NULL: none */
	char			*netboot;	/* of the user network */
	enum spec_boot		 boot;		/* with firmware; NET with a
						   kernel, too */
	struct spec_if		 ifs[SPEC_IFS_MAX];
	size_t			 nifs;		/* behind the card of network */
	enum spec_restart	 restart;
	uint64_t		 backoff;	/* ms before a restart */
	uint64_t		 max_attempts;	/* 0: no end */
	uint64_t		 stable_after;	/* ms; then attempts are 0 */
};

/* No image and no kernel: firmware looks for what it can boot. */
bool	spec_is_firmware(const struct spec *);

/*
 * May it be told to boot from there?  A kernel may not but from the net, which
 * some ask what to do (autoinstall(8)).
 */
bool	spec_may_boot(const struct spec *, enum spec_boot);

/* "boot_device" of a request, BOOT_ANY without one. */
int	spec_boot_device(enum spec_boot *, const json_t *, struct err *);

/* Does it name files of the host, other than directories that are shared? */
bool	spec_has_files(const struct spec *);

/* Fill *ret with what doc says and defaults; *ret is untouched on failure. */
int	spec_parse(struct spec *ret, const json_t *doc, struct err *);
void	spec_fini(struct spec *);

/* UpdateInstanceRequest: change what it names, all of it or nothing. */
int	spec_update(struct spec *, const json_t *doc, struct err *);

/* POST start's body: entrypoint and cmd; the rest is for this start only. */
int	spec_command(struct spec *, const json_t *doc, struct err *);

/*
 * The members of CreateInstanceRequest.  exact: sizes as bytes, for the
 * database; otherwise "1.0 GB", for people.  NULL when out of memory.
 */
json_t	*spec_json(const struct spec *, bool exact);

/*
 * Published ports lead to the card of the user network, where there is one,
 * else to this one, the first that is local; NULL: it is not one of these.
 */
const struct spec_if *spec_ports_if(const struct spec *);

/* Would both want the same port of the host? */
bool	spec_ports_clash(const struct spec_port *, const struct spec_port *);

/* Is it a name: [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most SPEC_NAME_MAX? */
bool	spec_name_ok(const char *);

/* A tags object with its limits; *ret is a new reference, or untouched. */
int	spec_tags(json_t **ret, const json_t *doc, struct err *);

/* "linux/arm64" and the like; refused: invalid_platform. */
int	spec_platform(const char *, struct err *);

#endif
