/* SPDX-License-Identifier: ISC */
/*
 * memory.c - the guest's memory; see memory.h
 *
 * One mapping for both pieces.  A guest address and the host address of the
 * same byte are equal modulo 1 GiB: only then can a nested page table use
 * the host's huge pages, and it saves thousands of exits at every boot.
 */

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/map.h"
#include "vmm/memory.h"

#define ALIGN	(1ULL << 30)
#define HUGE	(2ULL << 20)

struct memory {
	uint8_t			*reserved;	/* ALIGN more than it needs */
	uint8_t			*host;		/* the whole, in one piece */
	uint64_t		 bytes;
	uint64_t		 page;		/* of hugetlb, or 0 */
	bool			 thp;
	int			 fd;		/* memfd, or -1: anonymous */
	int			 file;		/* mapped privately, or -1 */
	struct guest_memory	 table;
};

/*
 * Address space of the right alignment: too much of it.  What is beside the
 * memory stays reserved, which costs nothing and spares two system calls.
 */
static int
reserve(struct memory *m, struct err *e)
{
	void *all = mmap(NULL, m->bytes + ALIGN, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return err_sys(e, "memory: %llu MiB of addresses",
		    (unsigned long long)(m->bytes >> 20));
	m->reserved = all;
	m->host = m->reserved + (-(uintptr_t)all & (ALIGN - 1));
	return 0;
}

/* The descriptor to map shared, or -1 for memory that is not shared. */
static int
backing(const struct memory_setup *s, int *ret, struct err *e)
{
	*ret = -1;
	if (s->page != 0)
		*ret = os_memfd_huge("guest", s->bytes, s->page, e);
	else if (s->shared)
		*ret = os_memfd("guest", s->bytes, e);
	else
		return 0;
	return *ret == -1 ? -1 : 0;
}

/* Put the backing at the reserved address. */
static int
map_backing(struct memory *m, const struct memory_setup *s, struct err *e)
{
	int flags = MAP_FIXED, fd = m->fd;
	void *at;

	/* Huge pages are reserved: one missing later is a bus error. */
	if (m->page == 0)
		flags |= MAP_NORESERVE;

	if (fd != -1) {
		flags |= MAP_SHARED;
	} else if (s->file != -1) {
		flags |= MAP_PRIVATE;
		fd = s->file;
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	}
	at = mmap(m->host, m->bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED && m->page != 0 && errno == ENOMEM)
		return err_set(e, ENOMEM, "memory: the host has no %llu free "
		    "huge pages of %llu MiB",
		    (unsigned long long)(m->bytes / m->page),
		    (unsigned long long)(m->page >> 20));
	if (at == MAP_FAILED)
		return err_sys(e, "memory: map %llu MiB",
		    (unsigned long long)(m->bytes >> 20));
	/* A host without transparent huge pages refuses; that is no harm. */
	if (s->thp && m->page == 0 && s->file == -1)
		(void)os_advise(m->host, m->bytes, OS_ADVISE_HUGE);
	/* A snapshot is read ahead, but copied where the guest writes only. */
	if (s->prefault && os_advise(m->host, m->bytes, s->file != -1 ?
	    OS_ADVISE_READ : OS_ADVISE_WRITE) == -1)
		return err_sys(e, "memory: take %llu MiB",
		    (unsigned long long)(m->bytes >> 20));
	return 0;
}

/*
 * Shared memory cannot be a private mapping of the snapshot: take over what
 * is in it, leaving out its holes.
 */
static int
copy_in(struct memory *m, int file, struct err *e)
{
	off_t data = 0, hole;
	ssize_t n;

	for (;;) {
		data = lseek(file, data, SEEK_DATA);
		if (data == -1 && errno == ENXIO)
			return 0;
		if (data == -1 || (hole = lseek(file, data, SEEK_HOLE)) == -1)
			return err_sys(e, "memory: snapshot");
		hole = MIN(hole, (off_t)m->bytes);
		while (data < hole) {
			n = pread(file, m->host + data, (size_t)(hole - data),
			    data);
			if (n == -1 && errno == EINTR)
				continue;
			if (n <= 0)
				return err_sys(e, "memory: snapshot");
			data += n;
		}
		if (data >= (off_t)m->bytes)
			return 0;
	}
}

/* The table of one or two pieces. */
static int
describe(struct memory *m, struct err *e)
{
	uint64_t low = MIN(m->bytes, map.low_max);
	struct guest_region r = { .gpa = map.low, .user = map.low,
	    .len = low, .host = m->host };

	if (guest_memory_add(&m->table, &r, e) == -1)
		return -1;
	if (m->bytes == low)
		return 0;
	r.gpa = r.user = map.high;
	r.len = m->bytes - low;
	r.host = m->host + low;
	return guest_memory_add(&m->table, &r, e);
}

/* A snapshot that is too short would be a bus error later. */
static int
file_fits(const struct memory_setup *s, struct err *e)
{
	off_t end = lseek(s->file, 0, SEEK_END);

	if (end == -1)
		return err_sys(e, "memory: snapshot");
	if ((uint64_t)end < s->bytes)
		return err_set(e, EINVAL, "memory: the snapshot has %lld "
		    "bytes, not %llu", (long long)end,
		    (unsigned long long)s->bytes);
	return 0;
}

/* The next snapshot begins with what this one has. */
static int
keep(struct memory *m, const struct memory_setup *s, struct err *e)
{
	if (m->fd != -1 || s->file == -1)
		return 0;
	m->file = fcntl(s->file, F_DUPFD_CLOEXEC, 0);
	return m->file == -1 ? err_sys(e, "memory: snapshot") : 0;
}

int
memory_new(struct memory **ret, const struct memory_setup *s, struct err *e)
{
	OWN(memory_destroy) struct memory *m = NULL;

	if (s->bytes == 0 || s->bytes > map.max || s->bytes % MEMORY_STEP != 0)
		return err_set(e, EINVAL, "memory: %llu bytes is not a number "
		    "of MiB up to %llu GiB", (unsigned long long)s->bytes,
		    (unsigned long long)(map.max >> 30));
	if (s->page != 0 && s->bytes % s->page != 0)
		return err_set(e, EINVAL, "memory: %llu MiB is not a multiple "
		    "of its pages' %llu MiB",
		    (unsigned long long)(s->bytes >> 20),
		    (unsigned long long)(s->page >> 20));
	if (s->file != -1 && file_fits(s, e) == -1)
		return -1;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return err_sys(e, "memory");
	m->fd = m->file = -1;
	m->page = s->page;
	m->thp = s->thp;
	guest_memory_init(&m->table);
	m->bytes = s->bytes;
	if (reserve(m, e) == -1 || backing(s, &m->fd, e) == -1 ||
	    map_backing(m, s, e) == -1 || describe(m, e) == -1 ||
	    keep(m, s, e) == -1)
		return -1;
	if (m->fd != -1 && s->file != -1 && copy_in(m, s->file, e) == -1)
		return -1;
	*ret = take(&m);
	return 0;
}

void
memory_destroy(struct memory *m)
{
	if (m == NULL)
		return;
	guest_memory_fini(&m->table);
	if (m->reserved != NULL)
		(void)munmap(m->reserved, m->bytes + ALIGN);
	if (m->fd != -1)
		(void)close(m->fd);
	if (m->file != -1)
		(void)close(m->file);
	free(m);
}

static int
map_slots(const struct memory *m, const struct accel *accel,
    struct accel_vm *vm, bool log, struct err *e)
{
	const struct guest_region *r;
	struct accel_memory slot = { .log = log };

	for (unsigned i = 0; i < m->table.nregions; i++) {
		r = &m->table.regions[i];
		slot.slot = i;
		slot.gpa = r->gpa;
		slot.bytes = r->len;
		slot.host = r->host;
		if (accel->map(vm, &slot, e) == -1)
			return -1;
	}
	return 0;
}

int
memory_attach(struct memory *m, const struct accel *accel,
    struct accel_vm *vm, struct err *e)
{
	return map_slots(m, accel, vm, false, e);
}

int
memory_track(struct memory *m, const struct accel *accel,
    struct accel_vm *vm, const struct guest_log *log, struct err *e)
{
	m->table.log = log;
	return map_slots(m, accel, vm, log != NULL, e);
}

uint64_t
memory_bytes(const struct memory *m)
{
	return m->bytes;
}

bool
memory_shared(const struct memory *m)
{
	return m->fd != -1;
}

const struct guest_memory *
memory_table(const struct memory *m)
{
	return &m->table;
}

unsigned
memory_regions(const struct memory *m, struct frontend_region ret[2])
{
	const struct guest_region *r;
	unsigned i;

	for (i = 0; i < m->table.nregions; i++) {
		r = &m->table.regions[i];
		ret[i] = (struct frontend_region){
			.gpa = r->gpa,
			.len = r->len,
			.user = r->gpa,
			.offset = (uint64_t)(r->host - m->host),
			.fd = m->fd,
		};
	}
	return i;
}

void *
memory_at(const struct memory *m, uint64_t gpa, uint64_t len)
{
	return guest_memory_at(&m->table, gpa, len);
}

const uint8_t *
memory_offset(const struct memory *m, uint64_t offset)
{
	return m->host + offset;
}

int
memory_file(const struct memory *m)
{
	return m->file;
}

void
memory_pages(const struct memory *m, uint64_t offset, size_t n, uint8_t *ret)
{
	if (m->fd != -1 || os_pages(m->host + offset, n, ret) == -1)
		memset(ret, OS_PAGE_OWN, n);
}

void
memory_fetch(const struct memory *m, uint64_t offset, uint64_t len,
    bool written)
{
	if (m->file != -1 && offset <= m->bytes && len <= m->bytes - offset)
		(void)os_advise(m->host + offset, len, written ?
		    OS_ADVISE_WRITE : OS_ADVISE_READ);
}

void
memory_want(const struct memory *m, uint64_t gpa, uint64_t len)
{
	uint8_t *at = guest_memory_at(&m->table, gpa, len), *end;

	if (at == NULL || m->fd == -1 || m->page != 0 || !m->thp)
		return;
	end = at + len;
	at -= (uintptr_t)at & (HUGE - 1);
	end += -(uintptr_t)end & (HUGE - 1);
	end = MIN(end, m->host + m->bytes);
	/* Where there is no page at all there is nothing to collapse. */
	for (const volatile uint8_t *p = at; p < end; p += HUGE)
		(void)*p;
	(void)os_advise(at, (size_t)(end - at), OS_ADVISE_COLLAPSE);
}

void
memory_discard(struct memory *m, uint64_t gpa, uint64_t len)
{
	uint8_t *at = guest_memory_at(&m->table, gpa, len);

	if (at == NULL || m->page != 0)
		return;
	if (m->fd != -1)
		(void)os_punch(m->fd, (uint64_t)(at - m->host), len);
	else
		(void)os_advise(at, len, OS_ADVISE_DISCARD);
	guest_memory_wrote(&m->table, at, len);
}

int
memory_clear(struct memory *m, struct err *e)
{
	struct memory_setup none = { .file = -1, .thp = m->thp };

	if (m->fd != -1 && os_punch(m->fd, 0, m->bytes) == -1)
		return err_sys(e, "memory: clear");
	/* Anew, without the snapshot; huge pages are reserved again. */
	if (m->file != -1)
		(void)close(take_fd(&m->file));
	return map_backing(m, &none, e);
}
