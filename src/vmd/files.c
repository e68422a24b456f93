/* SPDX-License-Identifier: ISC */
/* files.c - which files of the host a VM has; see files.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmd/files.h"
#include "vmd/record.h"
#include "vmd/state.h"
#include "vmd/user.h"

#define CONF_NAME	"vm.conf.files"
#define CONF_HEAD	"vm.conf\n"	/* of a record that is whole */
#define FILE_NAME	"files"
#define FILE_MAX	(PRIV_FILE_MAX * (PRIV_PATH_MAX + 32) + 256)

/* --- writing -------------------------------------------------------------- */

static int
check_files(const struct priv_files *r, struct err *e)
{
	unsigned disks = 0;

	if (!priv_id_valid(r->vm) || r->nfiles == 0)
		return err_api(e, EINVAL, "bad_request", "no VM, or no file");
	for (unsigned i = 0; i < r->nfiles; i++) {
		const struct priv_file *f = &r->file[i];

		if (!file_record_path_valid(f->path))
			return err_api(e, EINVAL, "bad_request", "%s: not the "
			    "path of a file", file_record_kind(f->kind));
		disks += f->kind == PRIV_FILE_DISK;
	}
	return disks <= PRIV_FILE_DISKS_MAX ? 0 : err_api(e, E2BIG,
	    "bad_request", "more than %d disks", PRIV_FILE_DISKS_MAX);
}

/* Who asks; a connection of the API over TCP has no user at its end. */
static int
asking_user(uid_t *ret, int client, struct err *e)
{
	uid_t uid = (uid_t)-1;

	if (record_peer(&uid, client) == -1)
		return err_api(e, EPERM, "not_supported", "a file of the host "
		    "is opened with the rights of a user of this host: ask on "
		    "the API's unix socket");
	if (geteuid() != 0 && uid != geteuid())
		return err_api(e, EPERM, "not_supported", "this vmd is user "
		    "%u's and opens files for nobody else",
		    (unsigned)geteuid());
	*ret = uid;
	return 0;
}

/* Whose rights: those of who asks, unless root says another's. */
static int
find_user(uid_t *ret, const struct priv_files *r, struct err *e)
{
	uid_t uid = (uid_t)-1;

	if (asking_user(&uid, r->client, e) == -1)
		return -1;
	if (r->uid != PRIV_UID_CLIENT && uid != 0 && r->uid != uid)
		return err_api(e, EPERM, "permission_denied", "user %u may "
		    "not use the files of user %u", (unsigned)uid,
		    (unsigned)r->uid);
	*ret = r->uid == PRIV_UID_CLIENT ? uid : (uid_t)r->uid;
	return 0;
}

static int
open_or_make(struct monitor *m, const char *vm, struct err *e)
{
	struct err why;
	int fd = state_vm_open(m, vm, &why);

	if (fd != -1 || why.num == ENOENT)
		return fd != -1 ? fd : state_vm_make(m, vm, e);
	*e = why;
	return -1;
}

int
files_record(struct monitor *m, const struct priv_files *r, struct err *e)
{
	own_fd int dirfd = -1;
	struct buf b;
	uid_t uid = (uid_t)-1;
	int ret;

	if (check_files(r, e) == -1 || find_user(&uid, r, e) == -1)
		return -1;
	dirfd = open_or_make(m, r->vm, e);
	if (dirfd == -1)
		return -1;
	buf_init(&b, FILE_MAX);
	if (file_record_print(&b, r, uid) == -1)
		ret = err_sys(e, "files");
	else
		ret = record_write(dirfd, FILE_NAME, &b, FILE_NAME, e);
	buf_fini(&b);
	return ret;
}

int
files_new(struct err *e)
{
	return os_memfd("vm.conf", 0, e);
}

int
files_keep(struct monitor *m, int fd, struct err *e)
{
	struct buf b;
	struct stat st;
	uint8_t *to;
	int ret = 0;

	if (fstat(fd, &st) == -1)
		return err_sys(e, CONF_NAME);
	if (st.st_size == 0)
		return 0;
	buf_init(&b, FILES_CONF_MAX);
	to = st.st_size > FILES_CONF_MAX ? NULL :
	    buf_reserve(&b, (size_t)st.st_size);
	if (to == NULL || pread(fd, to, (size_t)st.st_size, 0) != st.st_size)
		ret = err_set(e, EFBIG, "%s: %lld bytes", CONF_NAME,
		    (long long)st.st_size);
	else
		ret = file_replace(m->state_fd, CONF_NAME, to,
		    (size_t)st.st_size, 0600, e);
	buf_fini(&b);
	return ret;
}

/* --- reading -------------------------------------------------------------- */

/* One record: those lines of it that are of 'vm'. */
static int
read_record(struct files *s, int dirfd, const char *name, const char *vm,
    bool disks, struct err *e)
{
	bool conf = strcmp(name, CONF_NAME) == 0;
	struct buf b;
	int r;

	buf_init(&b, conf ? FILES_CONF_MAX + 1 : FILE_MAX + 1);
	r = record_read(&b, dirfd, name, e);
	if (r == 1 && file_record_parse(s, (char *)b.data, vm, disks) == -1)
		r = err_set(e, EINVAL, "the %s file is damaged", name);
	buf_fini(&b);
	return r == -1 ? err_prefix(e, "VM %s", vm) : 0;
}

int
files_read(struct files *ret, struct monitor *m, int dirfd,
    const struct priv_origin *o, struct err *e)
{
	struct files s;

	memset(&s, 0, sizeof(s));
	if (o->config[0] != '\0' && read_record(&s, m->state_fd, CONF_NAME,
	    o->config, !o->instance, e) == -1)
		return -1;
	/* Its own goes on where the block is another VM's. */
	if (dirfd != -1 && (o->config[0] == '\0' || o->instance) &&
	    read_record(&s, dirfd, FILE_NAME, o->vm, true, e) == -1)
		return -1;
	*ret = s;
	return 0;
}

bool
files_socket(uid_t *uid, gid_t *gid, struct monitor *m)
{
	struct buf b;
	bool said;

	buf_init(&b, FILES_CONF_MAX + 1);
	said = record_read(&b, m->state_fd, CONF_NAME, NULL) == 1 &&
	    file_record_socket(uid, gid, (const char *)b.data);
	buf_fini(&b);
	return said;
}

/* --- opening -------------------------------------------------------------- */

static int
act_as(uid_t uid, struct err *e)
{
	struct user u;

	if (geteuid() != 0)
		return uid == geteuid() ? 0 : err_set(e, EPERM, "this vmd is "
		    "user %u's and opens no files of user %u",
		    (unsigned)geteuid(), (unsigned)uid);
	if (user_by_uid(&u, uid, NULL) == -1)
		user_plain(&u, uid);
	return user_act(&u, e);
}

int
files_disk(struct image_files *ret, const struct files *s, unsigned i,
    struct err *e)
{
	const struct file *f = NULL;
	enum image_format format;
	int r;

	for (unsigned k = 0; f == NULL && k < s->n; k++)
		if (s->file[k].f.kind == PRIV_FILE_DISK && i-- == 0)
			f = &s->file[k];
	if (f == NULL)
		return err_api(e, ENOENT, "not_found", "there is no such disk");
	format = f->f.format == PRIV_FORMAT_ANY ? image_format_of(f->f.path) :
	    f->f.format == PRIV_FORMAT_RAW ? IMAGE_RAW : IMAGE_QCOW2;
	if (act_as(f->uid, e) == -1)
		return -1;
	r = image_files_open(ret, f->f.path, format, true, e);
	user_back();
	return r;
}

const struct file *
files_find(const struct files *s, enum priv_file_kind kind)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->file[i].f.kind == kind)
			return &s->file[i];
	return NULL;
}

int
files_plain(const struct file *f, struct err *e)
{
	const char *kind = file_record_kind(f->f.kind);
	own_fd int fd = -1;
	struct stat st;
	int r = 0;

	if (act_as(f->uid, e) == -1)
		return -1;
	/* Not blocking: a fifo must not hold up the daemon. */
	fd = open(f->f.path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		r = err_sys(e, "%s %s", kind, f->f.path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(e, EINVAL, "%s %s: not a regular file", kind,
		    f->f.path);
	user_back();
	if (r == -1)
		return -1;
	return take_fd(&fd);
}

/* One that who asks names, for this time. */
static int
open_asked(const struct priv_file_open *r, struct err *e)
{
	struct file f = { .uid = (uid_t)-1 };

	if (!file_record_path_valid(r->path))
		return err_api(e, EINVAL, "bad_request", "%s: not the path of "
		    "a file", file_record_kind(r->kind));
	if (asking_user(&f.uid, r->client, e) == -1)
		return -1;
	f.f.kind = r->kind;
	memcpy(f.f.path, r->path, sizeof(f.f.path));
	return files_plain(&f, e);
}

int
files_open(struct monitor *m, const struct priv_file_open *r, struct err *e)
{
	own_fd int dirfd = -1;
	const struct file *f;
	struct files s;

	if (!priv_id_valid(r->origin.vm) || r->kind == PRIV_FILE_DISK)
		return err_api(e, EINVAL, "bad_request",
		    "no VM, or a file that is not handed out");
	if (r->path[0] != '\0')
		return open_asked(r, e);
	dirfd = state_vm_open(m, r->origin.vm, e);
	if (dirfd == -1 || files_read(&s, m, dirfd, &r->origin, e) == -1)
		return -1;
	f = files_find(&s, (enum priv_file_kind)r->kind);
	if (f != NULL)
		return files_plain(f, e);
	return err_api(e, ENOENT, "not_found", "VM %s has no %s",
	    r->origin.vm, file_record_kind(r->kind));
}
