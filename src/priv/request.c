/* SPDX-License-Identifier: ISC */
/* request.c - the fields of each message of request.h, in order */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "priv/request.h"

const char *const priv_codes[] = {
	"bad_request", "not_found", "already_exists", "invalid_state",
	"permission_denied", "port_in_use", "disk_in_use", "disk_full",
	"busy", "not_supported", "start_failed", "timeout", NULL
};

static void
vm_id_fields(struct wire *w, struct priv_vm_id *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
}

static void
error_fields(struct wire *w, struct priv_error *m)
{
	wire_u32(w, &m->num);
	wire_str(w, m->code, sizeof(m->code));
	wire_str(w, m->text, sizeof(m->text));
}

static void
fd_fields(struct wire *w, struct priv_fd *m)
{
	wire_fd(w, &m->fd);
}

static void
setup_fields(struct wire *w, struct priv_setup *m)
{
	wire_str(w, m->state, sizeof(m->state));
	wire_str(w, m->data, sizeof(m->data));
	wire_str(w, m->socket, sizeof(m->socket));
	wire_fd(w, &m->api);
	wire_count(w, &m->nlisten, PRIV_LISTEN_MAX);
	for (unsigned i = 0; i < m->nlisten; i++)
		wire_fd(w, &m->listen[i]);
	wire_str(w, m->secret, sizeof(m->secret));
	wire_str(w, m->hypervisor, sizeof(m->hypervisor));
	wire_str(w, m->accel, sizeof(m->accel));
	wire_u32(w, &m->installed);
	wire_u32(w, &m->cpu_percent);
	wire_u32(w, &m->memory_percent);
	wire_u32(w, &m->disk_percent);
	wire_u32(w, &m->api_uid);
	wire_u32(w, &m->verbose);
	wire_bool(w, &m->first);
}

static void
verbose_fields(struct wire *w, struct priv_verbose *m)
{
	wire_u32(w, &m->verbose);
}

static void
blk_fields(struct wire *w, struct priv_blk *m)
{
	wire_fd(w, &m->fd);
	wire_bool(w, &m->readonly);
	wire_str(w, m->serial, sizeof(m->serial));
	wire_u16(w, &m->queues);
	wire_u64(w, &m->bytes_per_second);
	wire_u64(w, &m->iops);
	wire_bool(w, &m->marked);
}

static void
port_fields(struct wire *w, struct priv_port *m)
{
	wire_str(w, m->addr, sizeof(m->addr));
	wire_u16(w, &m->host);
	wire_u16(w, &m->guest);
	wire_bool(w, &m->udp);
}

static void
tap_fields(struct wire *w, struct priv_tap *m)
{
	wire_str(w, m->name, sizeof(m->name));
	wire_str(w, m->group, sizeof(m->group));
	wire_str(w, m->bridge, sizeof(m->bridge));
	wire_str(w, m->switch_name, sizeof(m->switch_name));
	wire_str(w, m->switch_group, sizeof(m->switch_group));
	wire_u16(w, &m->rdomain);
	wire_bool(w, &m->locked);
	wire_bool(w, &m->down);
	wire_bool(w, &m->bridge_down);
	wire_u32(w, &m->addr);
	wire_bytes(w, m->addr6, sizeof(m->addr6));
	wire_str(w, m->file, sizeof(m->file));
	wire_u32(w, &m->known);
	wire_bytes(w, m->known6, sizeof(m->known6));
}

static void
net_fields(struct wire *w, struct priv_net *m)
{
	wire_bytes(w, m->mac, sizeof(m->mac));
	wire_u16(w, &m->pairs);
	wire_u64(w, &m->down);
	wire_u64(w, &m->up);
	wire_count(w, &m->nports, PRIV_PORT_MAX);
	for (unsigned i = 0; i < m->nports; i++)
		port_fields(w, &m->ports[i]);
	wire_bool(w, &m->netboot);
	wire_bool(w, &m->is_tap);
	tap_fields(w, &m->tap);
}

static void
start_fields(struct wire *w, struct priv_start *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_enum(w, &m->hypervisor, PRIV_HYPERVISORS);
	wire_enum(w, &m->accel, PRIV_ACCELS);
	wire_bool(w, &m->vsock);
	wire_bool(w, &m->restore);
	wire_u32(w, &m->cid);
	wire_str(w, m->config, sizeof(m->config));
	wire_bool(w, &m->instance);
	wire_count(w, &m->nfiles, PRIV_FILE_DISKS_MAX);
	wire_u64(w, &m->files_rate);
	wire_u32(w, &m->number);
	wire_str(w, m->name, sizeof(m->name));
	wire_count(w, &m->nblk, PRIV_BLK_MAX);
	for (unsigned i = 0; i < m->nblk; i++)
		blk_fields(w, &m->blk[i]);
	wire_count(w, &m->nnet, PRIV_NET_MAX);
	for (unsigned i = 0; i < m->nnet; i++)
		net_fields(w, &m->net[i]);
}

static void
shares_fields(struct wire *w, struct priv_shares *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_fd(w, &m->client);
	wire_count(w, &m->nshares, PRIV_SHARE_MAX);
	for (unsigned i = 0; i < m->nshares; i++) {
		wire_str(w, m->share[i].path, sizeof(m->share[i].path));
		wire_bool(w, &m->share[i].readonly);
	}
}

static void
file_fields(struct wire *w, struct priv_file *m)
{
	wire_enum(w, &m->kind, PRIV_FILE_KINDS);
	wire_enum(w, &m->format, PRIV_FORMATS);
	wire_str(w, m->path, sizeof(m->path));
}

static void
files_fields(struct wire *w, struct priv_files *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_fd(w, &m->client);
	wire_u32(w, &m->uid);
	wire_count(w, &m->nfiles, PRIV_FILE_MAX);
	for (unsigned i = 0; i < m->nfiles; i++)
		file_fields(w, &m->file[i]);
}

static void
file_open_fields(struct wire *w, struct priv_file_open *m)
{
	wire_str(w, m->origin.vm, sizeof(m->origin.vm));
	wire_str(w, m->origin.config, sizeof(m->origin.config));
	wire_bool(w, &m->origin.instance);
	wire_enum(w, &m->kind, PRIV_FILE_KINDS);
	wire_fd(w, &m->client);
	wire_str(w, m->path, sizeof(m->path));
}

static void
kill_fields(struct wire *w, struct priv_kill *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_bool(w, &m->hard);
}

static void
vm_fields(struct wire *w, struct priv_vm *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_u32(w, &m->uid);
	wire_count(w, &m->nprocs, PRIV_PROC_MAX);
	for (unsigned i = 0; i < m->nprocs; i++) {
		wire_str(w, m->procs[i].name, sizeof(m->procs[i].name));
		wire_u32(w, &m->procs[i].pid);
	}
}

static void
ended_fields(struct wire *w, struct priv_ended *m)
{
	wire_str(w, m->vm, sizeof(m->vm));
	wire_str(w, m->name, sizeof(m->name));
	wire_u32(w, &m->pid);
	wire_bool(w, &m->known);
	wire_u32(w, &m->status);
}

static void
job_fields(struct wire *w, struct priv_job *m)
{
	wire_enum(w, &m->kind, PRIV_JOBS);
	wire_str(w, m->ref, sizeof(m->ref));
	wire_str(w, m->platform, sizeof(m->platform));
	wire_bool(w, &m->insecure);
	wire_bool(w, &m->all);
	wire_fd(w, &m->client);
	wire_fd(w, &m->in);
	wire_fd(w, &m->to);
	wire_count(w, &m->nkeep, PRIV_KEEP_MAX);
	for (unsigned i = 0; i < m->nkeep; i++)
		wire_str(w, m->keep[i], sizeof(m->keep[i]));
}

static void
job_id_fields(struct wire *w, struct priv_job_id *m)
{
	wire_u32(w, &m->job);
}

static void
job_started_fields(struct wire *w, struct priv_job_started *m)
{
	wire_u32(w, &m->job);
	wire_u32(w, &m->pid);
	wire_fd(w, &m->out);
}

static void
job_ended_fields(struct wire *w, struct priv_job_ended *m)
{
	wire_u32(w, &m->job);
	wire_u32(w, &m->status);
}

/* A function for each struct that takes it untyped, for the table below. */
#define FIELDS(name)							\
	static void							\
	name##_any(struct wire *w, void *m)				\
	{								\
		name##_fields(w, m);					\
	}								\
	_Static_assert(sizeof(struct priv_##name) < PRIV_BODY_MAX, "body")

FIELDS(vm_id);
FIELDS(error);
FIELDS(fd);
FIELDS(setup);
FIELDS(shares);
FIELDS(files);
FIELDS(file_open);
FIELDS(verbose);
FIELDS(start);
FIELDS(kill);
FIELDS(vm);
FIELDS(ended);
FIELDS(job);
FIELDS(job_id);
FIELDS(job_started);
FIELDS(job_ended);

#define BODY(name)	sizeof(struct priv_##name), name##_any

static const struct type {
	const char	*name;
	size_t		 size;
	void		(*fields)(struct wire *, void *);
} types[PRIV_TYPES] = {
	[PRIV_SETUP]		= { "setup", 0, NULL },
	[PRIV_SERVING]		= { "serving", 0, NULL },
	[PRIV_DIR_MAKE]		= { "dir_make", BODY(vm_id) },
	[PRIV_DIR_OPEN]		= { "dir_open", BODY(vm_id) },
	[PRIV_DIR_REMOVE]	= { "dir_remove", BODY(vm_id) },
	[PRIV_SHARES]		= { "shares", BODY(shares) },
	[PRIV_FILES]		= { "files", BODY(files) },
	[PRIV_FILE_OPEN]	= { "file_open", BODY(file_open) },
	[PRIV_VM_START]		= { "vm_start", BODY(start) },
	[PRIV_VM_KILL]		= { "vm_kill", BODY(kill) },
	[PRIV_VM_LIST]		= { "vm_list", 0, NULL },
	[PRIV_JOB_START]	= { "job_start", BODY(job) },
	[PRIV_JOB_KILL]		= { "job_kill", BODY(job_id) },
	[PRIV_VERBOSE]		= { "verbose", BODY(verbose) },
	[PRIV_A_DONE]		= { "done", 0, NULL },
	[PRIV_A_ERROR]		= { "error", BODY(error) },
	[PRIV_A_FD]		= { "fd", BODY(fd) },
	[PRIV_A_SETUP]		= { "setup_answer", BODY(setup) },
	[PRIV_A_VM]		= { "vm", BODY(vm) },
	[PRIV_A_JOB]		= { "job", BODY(job_started) },
	[PRIV_E_ENDED]		= { "ended", BODY(ended) },
	[PRIV_E_VM_GONE]	= { "vm_gone", BODY(vm_id) },
	[PRIV_E_JOB_ENDED]	= { "job_ended", BODY(job_ended) },
	[PRIV_E_RELOAD]		= { "reload", 0, NULL },
};

const char *
priv_type_name(unsigned type)
{
	if (type >= PRIV_TYPES || types[type].name == NULL)
		return "unknown";
	return types[type].name;
}

size_t
priv_size(unsigned type)
{
	return type < PRIV_TYPES ? types[type].size : 0;
}

void
priv_init(unsigned type, void *m)
{
	struct wire w = { .mode = WIRE_READ, .bad = true };

	if (priv_size(type) == 0)
		return;
	memset(m, 0, types[type].size);
	/* Reading nothing leaves 0, "" and -1; lists need their descriptors. */
	types[type].fields(&w, m);
	if (type == PRIV_A_SETUP)
		memset(((struct priv_setup *)m)->listen, 0xff,
		    sizeof(((struct priv_setup *)m)->listen));
	if (type == PRIV_VM_START)
		for (unsigned i = 0; i < PRIV_BLK_MAX; i++)
			((struct priv_start *)m)->blk[i].fd = -1;
}

void
priv_close(unsigned type, void *m)
{
	struct wire w = { .mode = WIRE_CLOSE };

	if (priv_size(type) != 0)
		types[type].fields(&w, m);
}

int
priv_encode(struct wire *w, struct buf *out, unsigned type, const void *m,
    struct err *e)
{
	*w = (struct wire){ .mode = WIRE_WRITE, .out = out };
	if (priv_size(type) == 0)
		return 0;
	/* The walk writes to m in the other modes only. */
	types[type].fields(w, (void *)(uintptr_t)m);
	if (w->bad)
		return err_set(e, EMSGSIZE, "%s: too large for a message",
		    priv_type_name(type));
	return 0;
}

int
priv_decode(void *ret, unsigned type, const void *body, size_t len,
    const int *fds, unsigned nfds, struct err *e)
{
	struct wire w = { .mode = WIRE_READ, .in = body, .in_len = len };

	if (type >= PRIV_TYPES || types[type].name == NULL)
		return err_set(e, EPROTO, "message of unknown type %u", type);
	if (nfds > WIRE_FDS_MAX)
		return err_set(e, EPROTO, "%s: %u descriptors",
		    priv_type_name(type), nfds);
	if (nfds > 0)
		memcpy(w.fds, fds, nfds * sizeof(*fds));
	w.nfds = nfds;
	if (types[type].size != 0) {
		priv_init(type, ret);
		types[type].fields(&w, ret);
	}
	if (wire_done(&w))
		return 0;
	priv_init(type, ret);
	return err_set(e, EPROTO, "%s: malformed message",
	    priv_type_name(type));
}

bool
priv_id_valid(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < PRIV_ID_MAX && id[n] == '\0' && id[0] != '-';
}

void
priv_error_from(struct priv_error *m, const struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->num = (uint32_t)e->num;
	(void)snprintf(m->code, sizeof(m->code), "%s",
	    e->code == NULL ? "" : e->code);
	(void)snprintf(m->text, sizeof(m->text), "%s", e->text);
}

void
priv_error_to(struct err *e, const struct priv_error *m)
{
	if (e == NULL)
		return;
	e->num = m->num == 0 ? EIO : (int)m->num;
	e->code = NULL;
	for (size_t i = 0; priv_codes[i] != NULL; i++)
		if (strcmp(priv_codes[i], m->code) == 0)
			e->code = priv_codes[i];
	(void)snprintf(e->text, sizeof(e->text), "%s", m->text);
}
