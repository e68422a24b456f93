/* SPDX-License-Identifier: ISC */
/*
 * guest_memory.h - the guest's memory as a front-end shared it
 *
 * A table of regions, each a mapping of a descriptor the front-end sent.
 * Two address spaces lead into it: guest physical addresses (what a guest
 * writes into descriptors) and the front-end's own virtual addresses (what
 * it writes into SET_VRING_ADDR).  guest_memory_iov() and the two _at()
 * functions are the only way from an address to a pointer.
 *
 * A front-end that copies memory while the guest runs has a log of what is
 * written meanwhile: whoever writes marks it, afterwards.
 */

#ifndef VIRTIO_GUEST_MEMORY_H
#define VIRTIO_GUEST_MEMORY_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define GUEST_REGIONS_MAX	8	/* what every front-end keeps to */
#define GUEST_PAGE		4096U	/* bytes; what a bit of a log means */

/*
 * Pages that were written to: page n of guest physical addresses is bit
 * n % 8 of byte n / 8 (vhost-user specification, "Migration").
 */
struct guest_log {
	uint8_t		*bits;
	uint64_t	 bytes;
	int		 fd;		/* of them, to be shared, or -1 */
};

struct guest_region {
	uint64_t	 gpa;		/* guest physical address */
	uint64_t	 user;		/* front-end's virtual address */
	uint64_t	 len;		/* bytes, never 0; gpa + len fits */
	uint8_t		*host;		/* where gpa is here */
	void		*map;		/* mapping that is ours to undo */
	size_t		 map_len;	/* or 0: the memory is the caller's */
};

struct guest_memory {
	unsigned		 nregions;
	struct guest_region	 regions[GUEST_REGIONS_MAX];	/* by gpa */
	const struct guest_log	*log;		/* or NULL; the caller's */
};

void	guest_memory_init(struct guest_memory *);

/* Unmap everything; the table is empty and can be used again. */
void	guest_memory_fini(struct guest_memory *);

/*
 * Map 'len' bytes of fd from 'offset' on as the guest's gpa.  fd stays the
 * caller's and may be closed afterwards.  Refused: a full table, len 0,
 * ranges that wrap or overlap in either address space, a file that is
 * shorter than offset + len (touching it would be a bus error).
 */
int	guest_memory_map(struct guest_memory *, const struct guest_region *,
	    int fd, uint64_t offset, struct err *);

/* The same for memory of the caller's, which must outlive the table. */
int	guest_memory_add(struct guest_memory *, const struct guest_region *,
	    struct err *);

/*
 * The pointer for [addr, addr + len), which must lie in one region; NULL
 * if it does not.  _at: guest physical; _at_user: front-end's virtual.
 */
void	*guest_memory_at(const struct guest_memory *, uint64_t gpa,
	    uint64_t len);
void	*guest_memory_at_user(const struct guest_memory *, uint64_t user,
	    uint64_t len);

/*
 * 'len' bytes at a pointer from here were written to: their pages are marked
 * in the log, if there is one.  Any thread.  What lies outside of it, or of
 * all regions, is nobody's to copy.
 */
void	guest_memory_wrote(const struct guest_memory *, const void *at,
	    uint64_t len);

/*
 * [gpa, gpa + len) as at most 'max' iovecs: more than one where regions
 * that touch in the guest are mapped apart here.  Returns how many, or -1
 * if a byte of it is not the guest's memory or max does not suffice.
 * len 0 is refused too: no address is right for it.
 */
int	guest_memory_iov(const struct guest_memory *, uint64_t gpa,
	    uint64_t len, struct iovec *, unsigned max);

#endif
