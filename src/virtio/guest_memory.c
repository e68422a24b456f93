/* SPDX-License-Identifier: ISC */
/* guest_memory.c - the guest's memory as it was shared; see guest_memory.h */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "virtio/guest_memory.h"

/* Does [start, start + len) begin and end without wrapping? */
static bool
fits(uint64_t start, uint64_t len)
{
	return len != 0 && start <= UINT64_MAX - (len - 1);
}

static bool
overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a <= b + (blen - 1) && b <= a + (alen - 1);
}

void
guest_memory_init(struct guest_memory *m)
{
	memset(m, 0, sizeof(*m));
}

void
guest_memory_fini(struct guest_memory *m)
{
	for (unsigned i = 0; i < m->nregions; i++)
		if (m->regions[i].map_len != 0)
			(void)munmap(m->regions[i].map, m->regions[i].map_len);
	memset(m, 0, sizeof(*m));
}

static int
check(const struct guest_memory *m, const struct guest_region *r,
    struct err *e)
{
	if (m->nregions == GUEST_REGIONS_MAX)
		return err_set(e, ENOSPC, "more than %d memory regions",
		    GUEST_REGIONS_MAX);
	if (!fits(r->gpa, r->len) || !fits(r->user, r->len) ||
	    r->len > SIZE_MAX)
		return err_set(e, EINVAL, "memory region %#llx: bad length",
		    (unsigned long long)r->gpa);
	for (unsigned i = 0; i < m->nregions; i++) {
		const struct guest_region *o = &m->regions[i];

		if (overlap(r->gpa, r->len, o->gpa, o->len) ||
		    overlap(r->user, r->len, o->user, o->len))
			return err_set(e, EINVAL,
			    "memory regions %#llx and %#llx overlap",
			    (unsigned long long)r->gpa,
			    (unsigned long long)o->gpa);
	}
	return 0;
}

static void
insert(struct guest_memory *m, const struct guest_region *r)
{
	unsigned i = m->nregions++;

	for (; i > 0 && m->regions[i - 1].gpa > r->gpa; i--)
		m->regions[i] = m->regions[i - 1];
	m->regions[i] = *r;
}

int
guest_memory_map(struct guest_memory *m, const struct guest_region *want,
    int fd, uint64_t offset, struct err *e)
{
	struct guest_region r = *want;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t skip = offset & (page - 1);
	struct stat st;

	if (check(m, &r, e) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return err_sys(e, "memory region: stat");
	if (!fits(offset, r.len) || st.st_size < 0 ||
	    offset + (r.len - 1) >= (uint64_t)st.st_size ||
	    r.len > SIZE_MAX - skip)
		return err_set(e, EINVAL,
		    "memory region %#llx: behind the end of its file",
		    (unsigned long long)r.gpa);
	r.map_len = (size_t)(r.len + skip);
	r.map = mmap(NULL, r.map_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)(offset - skip));
	if (r.map == MAP_FAILED)
		return err_sys(e, "memory region %#llx",
		    (unsigned long long)r.gpa);
	r.host = (uint8_t *)r.map + skip;
	insert(m, &r);
	return 0;
}

int
guest_memory_add(struct guest_memory *m, const struct guest_region *want,
    struct err *e)
{
	struct guest_region r = *want;

	if (check(m, &r, e) == -1)
		return -1;
	r.map = NULL;
	r.map_len = 0;
	insert(m, &r);
	return 0;
}

/* The region that holds gpa, or NULL. */
static const struct guest_region *
find(const struct guest_memory *m, uint64_t gpa)
{
	for (unsigned i = 0; i < m->nregions; i++) {
		const struct guest_region *r = &m->regions[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->len)
			return r;
	}
	return NULL;
}

void *
guest_memory_at(const struct guest_memory *m, uint64_t gpa, uint64_t len)
{
	const struct guest_region *r = find(m, gpa);

	if (r == NULL || len == 0 || len > r->len - (gpa - r->gpa))
		return NULL;
	return r->host + (gpa - r->gpa);
}

void *
guest_memory_at_user(const struct guest_memory *m, uint64_t user,
    uint64_t len)
{
	for (unsigned i = 0; i < m->nregions; i++) {
		const struct guest_region *r = &m->regions[i];

		if (user < r->user || user - r->user >= r->len)
			continue;
		if (len == 0 || len > r->len - (user - r->user))
			return NULL;
		return r->host + (user - r->user);
	}
	return NULL;
}

int
guest_memory_iov(const struct guest_memory *m, uint64_t gpa, uint64_t len,
    struct iovec *iov, unsigned max)
{
	const struct guest_region *r;
	unsigned n = 0;
	uint64_t part;

	if (!fits(gpa, len))
		return -1;
	while (len > 0) {
		r = find(m, gpa);
		if (r == NULL || n == max)
			return -1;
		part = r->len - (gpa - r->gpa);
		if (part > len)
			part = len;
		iov[n].iov_base = r->host + (gpa - r->gpa);
		iov[n].iov_len = (size_t)part;
		n++;
		gpa += part;	/* may wrap only when len becomes 0 */
		len -= part;
	}
	return (int)n;
}

/* Marked after the writing: who takes the mark away reads what was written. */
static void
mark(const struct guest_log *log, uint64_t gpa, uint64_t len)
{
	uint64_t end = (gpa + len - 1) / GUEST_PAGE;

	for (uint64_t n = gpa / GUEST_PAGE; n <= end; n++) {
		if (n / 8 >= log->bytes)
			return;
		(void)__atomic_fetch_or(&log->bits[n / 8],
		    (uint8_t)(1U << n % 8), __ATOMIC_SEQ_CST);
	}
}

void
guest_memory_wrote(const struct guest_memory *m, const void *at, uint64_t len)
{
	const uint8_t *p = at;

	if (m->log == NULL || len == 0)
		return;
	for (unsigned i = 0; i < m->nregions; i++) {
		const struct guest_region *r = &m->regions[i];

		if (p < r->host || (uint64_t)(p - r->host) >= r->len)
			continue;
		mark(m->log, r->gpa + (uint64_t)(p - r->host), len);
		return;
	}
}
