/* SPDX-License-Identifier: ISC */
/*
 * request.h - what vmd-control may ask of vmd, and what vmd tells it
 *
 * This is the closed list: vmd does nothing for vmd-control that is not
 * named here.  One struct a message, every string and list with its maximum.
 * No struct is copied to the wire; request.c names the fields (wire.h).
 *
 * Descriptors: a struct owns the descriptors in its fields.  Sending gives
 * them away, also when sending fails; what was received is the receiver's.
 * No descriptor is -1, never 0: start from priv_init().
 */

#ifndef PRIV_REQUEST_H
#define PRIV_REQUEST_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "priv/wire.h"

/* Maxima; of strings with the NUL. */
#define PRIV_ID_MAX		65	/* [a-z0-9][a-z0-9-]* */
#define PRIV_NAME_MAX		16	/* "disk31", "net0", "vmm" */
#define PRIV_PATH_MAX		1024
#define PRIV_WORD_MAX		64	/* "qemu", "linux/arm64/v8" */
#define PRIV_ADDR_MAX		46	/* INET6_ADDRSTRLEN */
#define PRIV_SERIAL_MAX		21	/* virtio-blk's 20 bytes */
#define PRIV_REF_MAX		512	/* image reference with digest */
#define PRIV_DIGEST_MAX		72	/* "sha256:" and 64 digits */
#define PRIV_KEEP_MAX		1024	/* digests that a prune keeps */
#define PRIV_SECRET_MAX		1025	/* JWT key, text */
#define PRIV_BLK_MAX		32	/* disks of a VM */
#define PRIV_NET_MAX		8	/* network cards of a VM */
#define PRIV_PORT_MAX		64	/* published ports of a card */
#define PRIV_IFNAME_MAX		16	/* of an interface or its group */
#define PRIV_RDOMAIN_MAX	255
#define PRIV_SHARE_MAX		8	/* host directories of a VM */
#define PRIV_FILE_MAX		9	/* host files of a VM */
#define PRIV_FILE_DISKS_MAX	4	/* disks among them */
#define PRIV_PROC_MAX		(PRIV_BLK_MAX + PRIV_NET_MAX +		\
				 PRIV_SHARE_MAX + 3)
#define PRIV_LISTEN_MAX		8	/* TCP listeners of the API */
#define PRIV_BODY_MAX		(256 * 1024)	/* bytes of one message */

enum priv_type {
	/* control asks; the answer's type is in brackets */
	PRIV_SETUP,		/* no body		[PRIV_A_SETUP] */
	PRIV_SERVING,		/* no body		[PRIV_A_DONE] */
	PRIV_DIR_MAKE,		/* struct priv_vm_id	[PRIV_A_FD] */
	PRIV_DIR_OPEN,		/* struct priv_vm_id	[PRIV_A_FD] */
	PRIV_DIR_REMOVE,	/* struct priv_vm_id	[PRIV_A_DONE] */
	PRIV_SHARES,		/* struct priv_shares	[PRIV_A_DONE] */
	PRIV_FILES,		/* struct priv_files	[PRIV_A_DONE] */
	PRIV_FILE_OPEN,		/* struct priv_file_open [PRIV_A_FD] */
	PRIV_VM_START,		/* struct priv_start	[PRIV_A_VM] */
	PRIV_VM_KILL,		/* struct priv_kill	[PRIV_A_DONE] */
	PRIV_VM_LIST,		/* no body   [PRIV_A_VM..., PRIV_A_DONE] */
	PRIV_JOB_START,		/* struct priv_job	[PRIV_A_JOB] */
	PRIV_JOB_KILL,		/* struct priv_job_id	[PRIV_A_DONE] */
	PRIV_VERBOSE,		/* struct priv_verbose	[PRIV_A_DONE] */
	PRIV_REQUESTS,		/* how many there are */

	/* vmd answers; any request can be answered PRIV_A_ERROR */
	PRIV_A_DONE = 64,	/* no body */
	PRIV_A_ERROR,		/* struct priv_error */
	PRIV_A_FD,		/* struct priv_fd */
	PRIV_A_SETUP,		/* struct priv_setup */
	PRIV_A_VM,		/* struct priv_vm */
	PRIV_A_JOB,		/* struct priv_job_started */

	/* vmd tells, unasked */
	PRIV_E_ENDED = 96,	/* struct priv_ended: a process of a VM */
	PRIV_E_VM_GONE,		/* struct priv_vm_id: its last process */
	PRIV_E_JOB_ENDED,	/* struct priv_job_ended */
	PRIV_E_RELOAD,		/* no body: read vm.conf again */
	PRIV_TYPES
};

struct priv_vm_id {
	char	vm[PRIV_ID_MAX];
};

struct priv_error {
	uint32_t num;			/* errno */
	char	 code[PRIV_WORD_MAX];	/* one of priv_codes, or "" */
	char	 text[ERR_TEXT_MAX];
};

struct priv_fd {
	int	 fd;
};

/* What vmd was told on its command line; see vmd(8). */
struct priv_setup {
	char	 state[PRIV_PATH_MAX];	/* STATE, absolute */
	char	 data[PRIV_PATH_MAX];	/* DATA, absolute */
	char	 socket[PRIV_PATH_MAX];	/* path of the API socket */
	int	 api;			/* its listening descriptor */
	uint16_t nlisten;
	int	 listen[PRIV_LISTEN_MAX];	/* TCP, for JWT only */
	char	 secret[PRIV_SECRET_MAX];	/* JWT key; "" without TCP */
	char	 hypervisor[PRIV_WORD_MAX];	/* "auto", "qemu", ... */
	char	 accel[PRIV_WORD_MAX];		/* "auto", "kvm", "tcg" */
	uint32_t installed;	/* 1 << enum priv_hypervisor: its VMM is
				   there */
	uint32_t cpu_percent;		/* overcommit: 100 is none */
	uint32_t memory_percent;
	uint32_t disk_percent;
	uint32_t api_uid;		/* user that vmd was started by */
	uint32_t verbose;
	bool	 first;			/* the first vmd-control of this vmd */
};

/* How much vmd logs: 0, or debug messages too. */
struct priv_verbose {
	uint32_t verbose;
};

/*
 * A disk.  fd comes from the VM's directory or from the store; vmd opens the
 * file again for the device and locks it (flock: shared when read-only), and
 * refuses one that another VM writes: disk_in_use.  Files and block devices
 * only.
 */
struct priv_blk {
	int	 fd;
	bool	 readonly;
	char	 serial[PRIV_SERIAL_MAX];
	uint16_t queues;		/* 0: one */
	uint64_t bytes_per_second;	/* 0: no limit */
	uint64_t iops;			/* 0: no limit */
	/*
	 * Raw, in the VM's directory: what is written is marked in the file
	 * NAME.written there (lib/written.h), NAME being the device's.
	 */
	bool	 marked;
};

struct priv_port {
	char	 addr[PRIV_ADDR_MAX];	/* numeric; "" is every address */
	uint16_t host;			/* port */
	uint16_t guest;
	bool	 udp;
};

/*
 * A card on a tap of the host, which vmd makes.  What vmd-control may have
 * it do: make interfaces for VMs, and bridges and routing domains that are
 * not there; use those bridges that are.
 */
struct priv_tap {
	char	 name[PRIV_IFNAME_MAX];		/* "tap3"; "": a free one */
	char	 group[PRIV_IFNAME_MAX];	/* "": none */
	char	 bridge[PRIV_IFNAME_MAX];	/* "": on none */
	char	 switch_name[PRIV_WORD_MAX];	/* of the bridge, for people */
	char	 switch_group[PRIV_IFNAME_MAX];	/* without one of its own */
	uint16_t rdomain;	/* of the bridge, or of the tap; 0: none */
	bool	 locked;	/* to its MAC */
	bool	 down;
	bool	 bridge_down;	/* when it is made */
	/*
	 * A local interface: this is the guest's address, in host order; the
	 * host has the one below.  0: it is none.
	 */
	uint32_t addr;
	uint8_t	 addr6[16];	/* of it too; the host's ends in 1, this one
				   in 2, of a /96.  All 0: it has none */
	char	 file[PRIV_WORD_MAX];	/* to boot from it, or "" */
	/* Not local: what the guest is said to have; all 0: nothing. */
	uint32_t known;
	uint8_t	 known6[16];
};

struct priv_net {
	uint8_t	 mac[6];
	uint16_t pairs;			/* queue pairs; 0: one */
	uint64_t down;			/* bytes/s to the guest; 0: any */
	uint64_t up;
	uint16_t nports;
	struct priv_port ports[PRIV_PORT_MAX];
	bool	 netboot;		/* with the VM's PRIV_FILE_NETBOOT; of a
					   user network */
	bool	 is_tap;		/* else that.  Of the taps a
					   local one may have ports */
	struct priv_tap tap;
};

/*
 * The host's directories that a new VM shares, once and for all its starts.
 * They are served with the rights of the user at the other end of a unix
 * socket, which is the kernel's word and never vmd-control's.
 */
struct priv_share {
	char	 path[PRIV_PATH_MAX];	/* absolute, no control characters */
	bool	 readonly;
};

struct priv_shares {
	char	 vm[PRIV_ID_MAX];
	int	 client;		/* who asked for the VM */
	uint16_t nshares;		/* 1 or more */
	struct priv_share share[PRIV_SHARE_MAX];
};

/*
 * The files of the host that a VM uses.  Those of a VM of vm.conf are what
 * vmd-conf found there; vmd-control names the VM and no file.  Those of
 * another VM are recorded once, as shares are: with the rights of the user
 * at the other end of a unix socket; root may name another.
 */
enum priv_file_kind {
	PRIV_FILE_DISK,
	PRIV_FILE_CDROM,	/* the device cdrom0 */
	PRIV_FILE_KERNEL,
	PRIV_FILE_INITRAMFS,
	PRIV_FILE_FIRMWARE,
	PRIV_FILE_NETBOOT,	/* what a guest loads from the user network */
	PRIV_FILE_KINDS
};

enum priv_format {
	PRIV_FORMAT_ANY,	/* what the name of the file says */
	PRIV_FORMAT_RAW,
	PRIV_FORMAT_QCOW2,
	PRIV_FORMATS
};

struct priv_file {
	uint8_t	 kind;			/* enum priv_file_kind */
	uint8_t	 format;		/* enum priv_format, of a disk */
	char	 path[PRIV_PATH_MAX];	/* absolute, no control characters */
};

struct priv_files {
	char	 vm[PRIV_ID_MAX];	/* its directory is made if missing */
	int	 client;		/* who asked for the VM */
	uint32_t uid;			/* whose rights; PRIV_UID_CLIENT: his */
	uint16_t nfiles;		/* 1 or more */
	struct priv_file file[PRIV_FILE_MAX];
};
#define PRIV_UID_CLIENT	UINT32_MAX

/*
 * Where a VM's files are named: in its own record, or, where config is not
 * "", in the block of that name of vm.conf.  instance: in both; the block is
 * that of another VM, whose disks are not this one's, and a kernel and the
 * like of the record goes before one of the block.
 */
struct priv_origin {
	char	 vm[PRIV_ID_MAX];
	char	 config[PRIV_ID_MAX];
	bool	 instance;
};

/*
 * One that is not a disk, to be read by vmd-control; not_found: none.  With a
 * path it is that one, with the rights of who is at the client's other end.
 */
struct priv_file_open {
	struct priv_origin origin;
	uint8_t	 kind;
	int	 client;
	char	 path[PRIV_PATH_MAX];
};

enum priv_hypervisor {
	PRIV_HV_QEMU,
	PRIV_HV_NULL,		/* runs nothing; for tests */
	PRIV_HV_VMM,
	PRIV_HV_CLOUD,		/* cloud-hypervisor */
	PRIV_HV_VZ,		/* has disks, shares and vsock itself */
	PRIV_HYPERVISORS
};

/*
 * Where such a VMM has, one by one, the descriptors of its disks, of its CD,
 * and the sockets of frames of its network cards.
 */
#define PRIV_VZ_FD	6

enum priv_accel {
	PRIV_ACCEL_AUTO, PRIV_ACCEL_KVM, PRIV_ACCEL_TCG, PRIV_ACCEL_HVF,
	PRIV_ACCELS
};

/*
 * Start the processes of a VM: a viod for each device, named disk0.., net0..
 * and vsock0, a vmd-share for each share, named fs0.., and the VMM; for
 * PRIV_HV_VZ one for each network card only.  Disks
 * that are files of the host come after those of blk.  Answered
 * when all of them serve; when one fails the others are stopped and the error
 * begins with its name.  The VM's directory must exist and no process of the
 * VM may live.
 */
struct priv_start {
	char	 vm[PRIV_ID_MAX];
	uint8_t	 hypervisor;		/* enum priv_hypervisor */
	uint8_t	 accel;			/* enum priv_accel */
	bool	 vsock;
	/*
	 * The VMM will be told to restore STATE/vms/ID/standby: vmd lets its
	 * user read that directory and the plain files in it, which may be
	 * those of another VM by a hard link.
	 */
	bool	 restore;
	uint32_t cid;			/* with vsock: 3 or more */
	char	 config[PRIV_ID_MAX];	/* as of struct priv_origin */
	bool	 instance;
	uint16_t nfiles;		/* disks there must be among files */
	uint64_t files_rate;		/* bytes/s of each; 0: no limit */
	uint32_t number;		/* OpenBSD's ID of the VM */
	char	 name[PRIV_WORD_MAX];	/* of the VM, and its host name */
	uint16_t nblk;
	struct priv_blk blk[PRIV_BLK_MAX];
	uint16_t nnet;
	struct priv_net net[PRIV_NET_MAX];
};

/* Signal the processes of a VM. */
struct priv_kill {
	char	 vm[PRIV_ID_MAX];
	/*
	 * false: SIGTERM to the VMM, which ends the VM its way.
	 * true: SIGKILL to every process.  No process is no error;
	 * PRIV_E_VM_GONE comes when the last has ended.
	 */
	bool	 hard;
};

struct priv_proc {
	char	 name[PRIV_NAME_MAX];	/* "vmm", "disk0", "net0", "fs0" */
	uint32_t pid;
};

struct priv_vm {
	char	 vm[PRIV_ID_MAX];
	uint32_t uid;			/* its processes' user */
	uint16_t nprocs;		/* alive; the VMM first if it lives */
	struct priv_proc procs[PRIV_PROC_MAX];
};

/* A process of a VM has ended. */
struct priv_ended {
	char	 vm[PRIV_ID_MAX];
	char	 name[PRIV_NAME_MAX];
	uint32_t pid;
	/*
	 * As wait(2) gives it.  Not known for a process that an earlier vmd
	 * started: only its parent is told.
	 */
	bool	 known;
	uint32_t status;
};

#define PRIV_GUNZIP_MAX	(256ULL << 20)

enum priv_job_kind {
	PRIV_JOB_PULL,		/* ref, platform, insecure, client */
	PRIV_JOB_IMPORT,	/* in: archive; ref: name, may be "" */
	PRIV_JOB_UNPACK,	/* ref (or digest), platform */
	PRIV_JOB_LIST,
	PRIV_JOB_INSPECT,	/* ref (or digest), platform */
	PRIV_JOB_REMOVE,	/* ref (or digest), platform */
	PRIV_JOB_PRUNE,		/* all, keep */
	PRIV_JOB_MKFS,		/* in: a file, becomes an empty ext4 */
	PRIV_JOB_PROBE,		/* ref: "qemu", ..: can it run here? */
	PRIV_JOB_COPY,		/* in: a file; to: an empty one */
	PRIV_JOB_GUNZIP,	/* in: a file of gzip(1); to: an empty one */
	PRIV_JOB_SYNC,		/* in: a file, becomes durable */
	PRIV_JOB_CONF,		/* vmd's vm.conf; not_found: there is none */
	PRIV_JOBS
};

/*
 * One job: vmd-image for most kinds.  Its lines come on the pipe of the
 * answer (docs/ARCHITECTURE.md, Image jobs); what it writes to standard
 * error is in vmd's log.  MKFS runs mke2fs on the file (its size is the file
 * system's) and is done when it ends with status 0, as is GUNZIP, of at most
 * PRIV_GUNZIP_MAX bytes that come out of it; COPY leaves out the holes; PROBE
 * runs the VMM of ref with -P; CONF runs vmd-conf on the file of vmd's command
 * line, which vmd opens.
 */
struct priv_job {
	uint8_t	 kind;			/* enum priv_job_kind */
	char	 ref[PRIV_REF_MAX];
	char	 platform[PRIV_WORD_MAX];	/* "" is this host's */
	bool	 insecure;		/* plain HTTP is allowed */
	bool	 all;			/* images with a name, too */
	/*
	 * The connection of the client who asked, or -1.  Whose registry
	 * credentials are used is the kernel's word about its other end,
	 * never vmd-control's.
	 */
	int	 client;
	int	 in;			/* archive or file, or -1 */
	int	 to;			/* file, or -1 */
	uint16_t nkeep;
	char	 keep[PRIV_KEEP_MAX][PRIV_DIGEST_MAX];	/* digests */
};

struct priv_job_id {
	uint32_t job;
};

struct priv_job_started {
	uint32_t job;			/* number; this vmd uses it once */
	uint32_t pid;
	int	 out;			/* read end of its report pipe */
};

struct priv_job_ended {
	uint32_t job;
	uint32_t status;		/* as wait(2) gives it */
};

/* Words that may stand in struct err's code. */
extern const char *const priv_codes[];	/* NULL at the end */

/* Name for logs, "vm_start"; "unknown" for a number that is no type. */
const char *priv_type_name(unsigned type);

/* Bytes of the type's struct, 0 when it has no body or is unknown. */
size_t	priv_size(unsigned type);

/* Make all fields 0, "" and -1. */
void	priv_init(unsigned type, void *);

/* Close the descriptors among the fields and set them to -1. */
void	priv_close(unsigned type, void *);

/*
 * The bytes and descriptors of a message.  w->out is the caller's buf.  The
 * descriptors stay in the struct's fields, too: after a successful send
 * forget them with priv_init(), after a failure priv_close().
 */
int	priv_encode(struct wire *w, struct buf *out, unsigned type,
	    const void *, struct err *);

/*
 * Fill the struct of the type.  The body must be whole, nothing more, and
 * use each descriptor.  On failure no descriptor is in the struct and they
 * are still the caller's.
 */
int	priv_decode(void *ret, unsigned type, const void *body, size_t len,
	    const int *fds, unsigned nfds, struct err *);

/* A VM's id as above; a file name that is safe below STATE/vms. */
bool	priv_id_valid(const char *);

/* Between the message and the err of this program. */
void	priv_error_from(struct priv_error *, const struct err *);
void	priv_error_to(struct err *, const struct priv_error *);

#endif
