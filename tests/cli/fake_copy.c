/* SPDX-License-Identifier: ISC */
/*
 * fake_copy.c - cp of the control API for tests: trees below DIR/guest
 *
 * Only with tree:true.  What a header says beside name, kind, mode and link
 * is in the log; see fake.h.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "fake.h"

static const char *
str(json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? s : "";
}

/* The file here that stands for one of the guest. */
static void
host_name(char *ret, size_t len, const char *root, const char *path)
{
	if (strcmp(path, ".") == 0)
		(void)snprintf(ret, len, "%s/guest%s", fake_dir, root);
	else
		(void)snprintf(ret, len, "%s/guest%s/%s", fake_dir, root,
		    path);
}

/* --- to ---------------------------------------------------------------- */

static int
make_entry(json_t *h, const char *root)
{
	char name[1024], other[1024];
	const char *kind = str(h, "kind");
	mode_t mode = (mode_t)json_integer_value(json_object_get(h, "mode"));

	host_name(name, sizeof(name), root, str(h, "path"));
	if (strcmp(kind, "dir") == 0) {
		(void)mkdir(name, 0700);
		(void)chmod(name, mode);
	} else if (strcmp(kind, "symlink") == 0) {
		(void)unlink(name);
		(void)!symlink(str(h, "link"), name);
	} else if (strcmp(kind, "hardlink") == 0) {
		host_name(other, sizeof(other), root, str(h, "link"));
		(void)!link(other, name);
	} else if (strcmp(kind, "fifo") == 0)
		(void)mkfifo(name, mode);
	else {
		int fd;

		(void)unlink(name);
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
		if (fd != -1)
			(void)fchmod(fd, mode);
		return fd;
	}
	return -1;
}

static void
copy_to(struct sock *s, const char *root)
{
	struct message m;
	json_t *v;
	long long bytes = 0;
	off_t hole;
	int fd = -1;
	bool over = false;

	while (!over && sock_next(s, &m)) {
		if (!m.text) {
			bytes += (long long)m.data.len;
			if (fd != -1)
				(void)write_full(fd, m.data.data, m.data.len);
			buf_fini(&m.data);
			continue;
		}
		fake_log("TEXT", "-", (char *)m.data.data);
		v = json_loads((char *)m.data.data, 0, NULL);
		buf_fini(&m.data);
		hole = (off_t)json_integer_value(json_object_get(v, "bytes"));
		if (strcmp(str(v, "type"), "header") == 0) {
			if (fd != -1)
				(void)close(fd);
			fd = make_entry(v, root);
		} else if (strcmp(str(v, "type"), "hole") == 0 && fd != -1)
			(void)!ftruncate(fd, lseek(fd, hole, SEEK_CUR));
		else
			over = true;
		json_decref(v);
	}
	if (fd != -1)
		(void)close(fd);
	sock_json(s, json_pack("{s:s,s:b,s:I}", "type", "result", "success",
	    1, "bytes_written", (json_int_t)bytes));
}

/* --- from -------------------------------------------------------------- */

static void
send_file(struct sock *s, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	char buf[32768];
	ssize_t n;

	while (fd != -1 && (n = read(fd, buf, sizeof(buf))) > 0)
		sock_send(s, false, buf, (size_t)n);
	if (fd != -1)
		(void)close(fd);
}

static void
send_tree(struct sock *s, const char *root, const char *path, bool follow)
{
	char name[1024], link[1024] = "", below[2048];
	struct dirent **list;
	struct stat st;
	json_t *h;
	int n;

	host_name(name, sizeof(name), root, path);
	if ((follow ? stat : lstat)(name, &st) == -1) {
		sock_json(s, json_pack("{s:s,s:s,s:s}", "type", "error",
		    "message", strerror(errno), "path", path));
		return;
	}
	h = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:I,s:I}", "type", "header",
	    "path", path, "kind", S_ISDIR(st.st_mode) ? "dir" :
	    S_ISLNK(st.st_mode) ? "symlink" : S_ISFIFO(st.st_mode) ? "fifo" :
	    "file", "mode", (int)(st.st_mode & 07777), "uid", (int)st.st_uid,
	    "gid", (int)st.st_gid, "mtime_ns",
	    (json_int_t)st.st_mtim.tv_sec * 1000000000, "size",
	    (json_int_t)(S_ISREG(st.st_mode) ? st.st_size : 0));
	if (S_ISLNK(st.st_mode) && readlink(name, link, sizeof(link) - 1) > 0)
		json_object_set_new(h, "link", json_string(link));
	sock_json(s, h);
	if (S_ISREG(st.st_mode))
		send_file(s, name);
	if (!S_ISDIR(st.st_mode))
		return;
	n = scandir(name, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *e = list[i]->d_name;

		if (strcmp(path, ".") == 0)
			(void)snprintf(below, sizeof(below), "%s", e);
		else
			(void)snprintf(below, sizeof(below), "%s/%s", path, e);
		if (strcmp(e, ".") != 0 && strcmp(e, "..") != 0)
			send_tree(s, root, below, false);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* DIR/evil, when it is there, is said instead: a text message a line. */
static bool
send_evil(struct sock *s)
{
	char name[512], line[4096];
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s/evil", fake_dir);
	f = fopen(name, "r");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		sock_send(s, line[0] == '{', line, strlen(line));
	}
	(void)fclose(f);
	return true;
}

void
fake_copy(struct sock *s, const char *path)
{
	struct message m;
	json_t *frame;

	if (!sock_next(s, &m))
		return;
	fake_log("WS", path, (char *)m.data.data);
	frame = json_loads((char *)m.data.data, 0, NULL);
	buf_fini(&m.data);
	if (strcmp(str(frame, "direction"), "to") == 0)
		copy_to(s, str(frame, "guest_path"));
	else if (!send_evil(s)) {
		send_tree(s, str(frame, "guest_path"), ".",
		    json_is_true(json_object_get(frame, "follow_links")));
		sock_json(s, json_pack("{s:s,s:b}", "type", "end", "final",
		    1));
	}
	sock_end(s);
	while (sock_next(s, &m))
		buf_fini(&m.data);
	json_decref(frame);
}
