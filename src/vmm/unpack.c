/* SPDX-License-Identifier: ISC */
/* unpack.c - kernels that are packed with gzip(1); see unpack.h */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "os/paths.h"
#include "vmm/unpack.h"

/* gzip with the file as its input; a pipe has what it says. */
static int
start(pid_t *pid, int from, int to, struct err *e)
{
	static char name[] = "gzip", option[] = "-dc";
	static char path[] = "PATH=/usr/bin:/bin";
	char *const args[] = { name, option, NULL }, *const env[] = { path,
	    NULL };
	const char *program = os_program(os_paths.gzip);
	posix_spawn_file_actions_t actions;
	int r;

	if (program == NULL)
		return err_set(e, ENOENT, "no %s", os_paths.gzip[0]);
	(void)posix_spawn_file_actions_init(&actions);
	r = posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, to,
		    STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(pid, program, &actions, NULL, args, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : err_set(e, r, "gzip: %s", strerror(r));
}

static int
collect(int to, int from, struct err *e)
{
	uint64_t done = 0;
	char bytes[16384];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "gzip");
		done += (uint64_t)n;
		if (done > UNPACK_MAX)
			return err_set(e, EFBIG, "more than %llu MiB",
			    UNPACK_MAX >> 20);
		if (write_full(to, bytes, (size_t)n) == -1)
			return err_sys(e, "unpacked");
	}
	return 0;
}

static int
unpack(int *ret, int from, struct err *e)
{
	own_fd int to = -1, in = -1, out = -1;
	int p[2], status, r;
	pid_t pid;

	to = os_memfd("kernel", 0, e);
	if (to == -1)
		return -1;
	if (os_pipe(p) == -1)
		return err_sys(e, "pipe");
	in = p[1];
	out = p[0];
	if (start(&pid, from, in, e) == -1)
		return -1;
	(void)close(take_fd(&in));
	r = collect(to, out, e);
	if (r == -1)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (r == -1)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, EINVAL, "gzip cannot unpack it");
	*ret = take_fd(&to);
	return 0;
}

int
unpack_kernel(int *ret, bool *packed, const char *path, struct err *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[2];

	if (fd == -1)
		return err_sys(e, "kernel: %s", path);
	*packed = pread(fd, magic, 2, 0) == 2 &&
	    memcmp(magic, "\x1f\x8b", 2) == 0;
	if (*packed)
		return unpack(ret, fd, e) == -1 ?
		    err_prefix(e, "kernel: %s", path) : 0;
	*ret = take_fd(&fd);
	return 0;
}
