/* SPDX-License-Identifier: ISC */
/*
 * os.h - what host systems disagree about
 *
 * One file a host implements this (os_linux.c; os_darwin.c); nowhere else
 * is there an #ifdef for a host.
 */

#ifndef OS_OS_H
#define OS_OS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct msghdr;
struct stat;

/* Fill with random bytes of the kernel; cannot fail. */
void	 os_random(void *, size_t);

/* Overwrite a secret, whatever the compiler thinks of it. */
void	 os_wipe(void *, size_t);

/* Milliseconds and microseconds that only go forward. */
uint64_t os_now_ms(void);
uint64_t os_now_us(void);

/* Anonymous memory of 'bytes' that can be mapped shared and passed on. */
int	 os_memfd(const char *name, uint64_t bytes, struct err *);

/* The same of huge pages of 'page' bytes; mmap(2) is what reserves them. */
int	 os_memfd_huge(const char *name, uint64_t bytes, uint64_t page,
	    struct err *);

/*
 * What the pages of the calling process are.  Pages of a private mapping of
 * a file are the file's until they are written to.  os_pages_open() is to be
 * called once before a sandbox, and holds a descriptor for good; os_pages()
 * tells of the n pages from 'at' on, an enum os_page each.  Both are -1 with
 * errno where the system does not tell.
 */
#define OS_PAGE_SIZE	4096U
enum os_page {
	OS_PAGE_NONE,		/* not touched, or given back */
	OS_PAGE_FILE,		/* mapped, a file's or shared */
	OS_PAGE_OWN,		/* private, in memory or swapped out */
};
int	 os_pages_open(void);
int	 os_pages(const void *at, size_t n, uint8_t *ret);

/*
 * What is to become of whole pages of mapped memory.  -1 with errno; advice
 * that a system knows nothing of is taken and has no effect.
 */
enum os_advice {
	OS_ADVISE_HUGE,		/* huge ones are welcome */
	OS_ADVISE_COLLAPSE,	/* what is there becomes huge */
	OS_ADVISE_READ,		/* to be there before this returns, */
	OS_ADVISE_WRITE,	/* and not shared with a file */
	OS_ADVISE_DISCARD,	/* private: not needed, may become zeroes */
};
int	 os_advise(void *at, size_t len, enum os_advice);

/*
 * Something has happened: told by one thread or process, taken by another.
 * 'rd' becomes readable when it is told, and stays so until it is taken; how
 * often it was told is not known.  Neither end blocks, and telling cannot
 * fail: a full pipe has not been taken yet.  On Linux both ends are one
 * eventfd, which is what KVM wants; elsewhere they are a pipe's.
 *
 * os_notify_send() has wr.  os_notify_take() has rd; false: there was nothing.
 */
struct os_notify {
	int	rd;
	int	wr;
};
#define OS_NOTIFY_NONE	((struct os_notify){ -1, -1 })
int	 os_notify_init(struct os_notify *, struct err *);
void	 os_notify_fini(struct os_notify *);	/* NONE is allowed */
void	 os_notify_send(int wr);
bool	 os_notify_take(int rd);

/*
 * A descriptor that becomes readable 'ms' after os_alarm_set(), until
 * os_alarm_clear().  Any thread may set it.
 */
int	 os_alarm(struct err *);
void	 os_alarm_set(int fd, unsigned ms);
void	 os_alarm_clear(int fd);

/*
 * What a disk asks of a file; -1 with errno.  os_datasync() returns when
 * the file's bytes are durable.  os_punch(): [offset, +len) reads as zeroes
 * and gives its blocks back; EOPNOTSUPP where the file system cannot.
 * os_zero(): reads as zeroes and keeps its blocks; works everywhere.
 * The file's size stays in both.
 */
int	 os_datasync(int fd);
int	 os_punch(int fd, uint64_t offset, uint64_t len);
int	 os_zero(int fd, uint64_t offset, uint64_t len);

/*
 * Lock a disk image against uses that exclude each other: one that writes it
 * is the only one, any number may read it together.  The locks are those of
 * QEMU (bytes 100 and 200 on), so its programs take part.  They end when the
 * last descriptor of the same opening is closed.  Waits for a moment, for a
 * process that is just ending.  Refused: EBUSY, naming the other use; file
 * systems without locks are used without.
 */
int	 os_lock_image(int fd, int writes, struct err *);
void	 os_unlock_image(int fd);

/* A file that is to be made: one of that name is not there. */
struct os_name {
	int		 dirfd;
	const char	*name;
	mode_t		 mode;		/* of which a umask takes nothing */
};

/*
 * Make a file that is the same as 'from' by sharing its blocks (FICLONE,
 * fclonefileat(2)).  Its descriptor, to read and write; -1 with errno and
 * without the file where that cannot be: then it is to be copied.
 */
int	 os_clone(int from, const struct os_name *);

/*
 * Copy up to 'len' bytes from one place to another and move both on, inside
 * of the kernel where it can.  Returns how many, 0 at the end; -1 with errno.
 */
ssize_t	 os_copy_range(int from, off_t *in, int to, off_t *out, size_t len);

/*
 * Copy the contents of 'from' into 'to', which is empty: it has holes where
 * 'from' has.  Both stay the caller's; their offsets may move.
 */
int	 os_copy_file(int to, int from, struct err *);

/*
 * Make a file that is the same as 'from', cloned or copied.  Its descriptor,
 * to read and write; -1: there is none, or another of that name stays.
 */
int	 os_copy_new(int from, const struct os_name *, struct err *);

/* Begin to read [offset, +len) of a file: somebody will soon. */
void	 os_read_ahead(int fd, uint64_t offset, uint64_t len);

/* A file without a name in a directory, to read and write; -1 with errno. */
int	 os_tmpfile(int dirfd);

/* When the file was written last, nanoseconds since 1970. */
int64_t	 os_mtime_ns(const struct stat *);

/*
 * Pipes and sockets that are close-on-exec from the first moment, where the
 * system has it; nothing written to such a socket raises SIGPIPE.  -1 with
 * errno.  A pair is of unix sockets, of type SOCK_STREAM or another.
 */
int	 os_pipe(int ret[2]);
int	 os_socket(int domain, int type);
int	 os_socketpair(int type, int ret[2]);
int	 os_socketpair_now(int type, int ret[2]);	/* that never blocks */

/* Let a pipe hold so many bytes, or less. */
void	 os_pipe_size(int fd, int bytes);

/*
 * recvmsg(2) with descriptors that are close-on-exec, and send(2) without
 * SIGPIPE; 'more' follows at once.
 */
ssize_t	 os_recvmsg(int sock, struct msghdr *);
ssize_t	 os_send(int sock, const void *, size_t, bool more);

/* Who is at the other end of a connected unix socket, and no other. */
struct os_peer {
	uid_t	uid;
	gid_t	gid;
	pid_t	pid;
};
int	 os_peer(struct os_peer *, int sock, struct err *);

/*
 * The supplementary groups it had when it connected, at most max.  Returns
 * how many; -1 when there are more, or none can be told of.
 */
int	 os_peer_groups(gid_t *ret, unsigned max, int sock);

/*
 * A unix stream socket named 'name' below dirfd (AT_FDCWD: name is a path).
 * Works for any depth of directory: sun_path's limit does not apply to the
 * directory part.  os_unix_listen() replaces a stale socket file (one nobody
 * listens on) and refuses a live one; mode is that of the socket file.
 * Descriptors are close-on-exec; os_unix_connect()'s is blocking.
 * os_unix_connect_now() never waits: its descriptor is non-blocking, and a
 * listener whose queue is full is EAGAIN (macOS: ECONNREFUSED).
 */
int	 os_unix_listen(int dirfd, const char *name, mode_t, int backlog,
	    struct err *);
int	 os_unix_connect(int dirfd, const char *name, struct err *);
int	 os_unix_connect_now(int dirfd, const char *name, struct err *);

/*
 * accept(2) of a non-blocking listener, without the address: the descriptor
 * is non-blocking and close-on-exec.  -1 with errno.
 */
int	 os_accept(int listener);

/*
 * Open the file of a descriptor anew, with a position and locks of its own.
 * access: O_RDONLY or O_RDWR, refused (EACCES) if the descriptor has less.
 */
int	 os_reopen(int fd, int access, struct err *);

/*
 * Where the file or directory of a descriptor is now: an absolute path.  For
 * what can be told nothing else.
 */
int	 os_fd_path(char *ret, size_t size, int fd, struct err *);

/* Give memory that was freed back to the system. */
void	 os_trim_heap(void);

/* Threads share one heap: for those that allocate next to nothing. */
void	 os_one_heap(void);

/* Close every descriptor from 'first' on. */
void	 os_close_from(int first);

/* The child is killed when the calling process ends; called in the child. */
int	 os_die_with_parent(void);

/* The directory of the running program's file, absolute. */
int	 os_exe_dir(char *, size_t size, struct err *);

/* What is another one after each boot of the host; -1 with errno. */
#define OS_BOOT_ID	37		/* 36 digits and hyphens, and NUL */
int	 os_boot_id(char ret[OS_BOOT_ID]);

/*
 * Frequency of the time stamp counter that programs read, 0 where there is
 * none: what an emulated x86 guest sees too.
 */
uint64_t os_tsc_khz(void);

/* The two halves of a device number. */
void	 os_dev_split(dev_t, uint32_t *major, uint32_t *minor);
dev_t	 os_dev_join(uint32_t major, uint32_t minor);

/*
 * A descriptor, not blocking, that becomes readable when the file 'name'
 * below dirfd grows, is cut, made or replaced.  os_watch_clear() takes in
 * what was told, so that it can become readable again.  dirfd is borrowed
 * and the same each time.
 */
struct os_watch {
	int	fd;		/* to wait for; -1: nothing is watched */
	int	file;		/* the host's own, or -1 */
};
int	 os_watch_init(struct os_watch *, int dirfd, const char *name,
	    struct err *);
void	 os_watch_clear(struct os_watch *, int dirfd, const char *name);
void	 os_watch_fini(struct os_watch *);

/* Name of this host's architecture as OCI spells it: "amd64", "arm64". */
const char *os_arch(void);

#endif
