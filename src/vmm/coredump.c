/* SPDX-License-Identifier: ISC */
/* coredump.c - a VM as an ELF core file; see coredump.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/coredump.h"
#include "vmm/elf.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/memory_file.h"
#include "vmm/vcpu.h"

#define SEGMENTS_MAX	3		/* notes, memory below and above */
#define HEADERS_MAX	(1U << 16)	/* bytes before the memory */
#define PAGE		4096U

/* Linux's struct elf_prstatus, on any host; registers, and 8 bytes follow. */
struct prstatus {
	uint32_t	siginfo[3];
	uint16_t	signal, pad;
	uint64_t	pending, held;
	uint32_t	pid, ppid, pgrp, sid;
	uint64_t	times[8];
};
_Static_assert(sizeof(struct prstatus) == 112, "elf_prstatus");

#define REGS_X86	27U		/* 64 bits each */
#define REGS_ARM64	34U

/* Head, name and prstatus, one behind the other. */
#define NOTE_NAME	"CORE\0\0\0\0"
#define NOTE_NAME_LEN	8

static unsigned
status_len(const struct coredump_cpus *c)
{
	return (unsigned)sizeof(struct prstatus) + 8 *
	    ((c->arm64 ? REGS_ARM64 : REGS_X86) + 1);
}

static unsigned
note_len(const struct coredump_cpus *c)
{
	return (unsigned)sizeof(struct elf_note) + NOTE_NAME_LEN +
	    status_len(c);
}

static int
put_x86(struct buf *b, const struct x86_regs *r)
{
	const uint64_t reg[REGS_X86 + 1] = {
		r->gpr[X86_R15], r->gpr[X86_R14], r->gpr[X86_R13],
		r->gpr[X86_R12], r->gpr[X86_RBP], r->gpr[X86_RBX],
		r->gpr[X86_R11], r->gpr[X86_R10], r->gpr[X86_R9],
		r->gpr[X86_R8], r->gpr[X86_RAX], r->gpr[X86_RCX],
		r->gpr[X86_RDX], r->gpr[X86_RSI], r->gpr[X86_RDI],
		UINT64_MAX,		/* orig_rax: not in a system call */
		r->rip, r->seg[X86_CS].selector, r->rflags,
		r->gpr[X86_RSP], r->seg[X86_SS].selector,
		r->seg[X86_FS].base, r->seg[X86_GS].base,
		r->seg[X86_DS].selector, r->seg[X86_ES].selector,
		r->seg[X86_FS].selector, r->seg[X86_GS].selector,
	};

	return buf_put(b, reg, sizeof(reg));
}

static int
put_arm64(struct buf *b, const struct arm64_regs *r)
{
	uint64_t reg[REGS_ARM64 + 1] = { [ARM64_XREGS] = r->sp, r->pc,
	    r->pstate };

	memcpy(reg, r->x, sizeof(r->x));
	return buf_put(b, reg, sizeof(reg));
}

static int
put_note(struct buf *b, const struct coredump_cpus *c, unsigned cpu)
{
	const struct elf_note head = { .n_namesz = sizeof("CORE"),
	    .n_descsz = status_len(c), .n_type = ELF_NOTE_PRSTATUS };
	const struct prstatus status = { .pid = cpu + 1 };

	if (buf_put(b, &head, sizeof(head)) == -1 ||
	    buf_put(b, NOTE_NAME, NOTE_NAME_LEN) == -1 ||
	    buf_put(b, &status, sizeof(status)) == -1)
		return -1;
	return c->arm64 ? put_arm64(b, &c->regs[cpu].arm64) :
	    put_x86(b, &c->regs[cpu].x86);
}

static void
fill_ehdr(struct elf_head *h, bool arm64, unsigned segments)
{
	*h = (struct elf_head){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELF_CLASS_64,
		    ELF_DATA_LITTLE, ELF_VERSION },
		.e_type = ELF_CORE,
		.e_machine = arm64 ? ELF_AARCH64 : ELF_X86_64,
		.e_version = ELF_VERSION,
		.e_phoff = sizeof(*h),
		.e_ehsize = sizeof(*h),
		.e_phentsize = sizeof(struct elf_segment),
		.e_phnum = (uint16_t)segments,
	};
}

/* Of the notes, then of each piece; *data is where those begin. */
static unsigned
fill_phdrs(struct elf_segment p[SEGMENTS_MAX], const struct memory *m,
    const struct coredump_cpus *c, uint64_t *data)
{
	const struct guest_memory *t = memory_table(m);
	uint64_t at = sizeof(struct elf_head) + (1 + t->nregions) * sizeof(*p);

	p[0] = (struct elf_segment){ .p_type = ELF_SEGMENT_NOTE, .p_offset = at,
	    .p_filesz = (uint64_t)c->n * note_len(c), .p_align = 4 };
	at += p[0].p_filesz;
	*data = at = (at + PAGE - 1) / PAGE * PAGE;
	for (unsigned i = 0; i < t->nregions; i++) {
		p[1 + i] = (struct elf_segment){
			.p_type = ELF_SEGMENT_LOAD,
			.p_flags = ELF_SEGMENT_RWX,
			.p_offset = at,
			.p_vaddr = t->regions[i].gpa,
			.p_paddr = t->regions[i].gpa,
			.p_filesz = t->regions[i].len,
			.p_memsz = t->regions[i].len,
			.p_align = PAGE,
		};
		at += t->regions[i].len;
	}
	return 1 + t->nregions;
}

int
coredump_write(int fd, const struct memory *m, const struct coredump_cpus *c,
    struct err *e)
{
	struct elf_segment p[SEGMENTS_MAX];
	struct elf_head h;
	struct buf b;
	uint64_t data;
	unsigned segments = fill_phdrs(p, m, c, &data);
	int bad;

	fill_ehdr(&h, c->arm64, segments);
	buf_init(&b, HEADERS_MAX);
	bad = buf_put(&b, &h, sizeof(h)) == -1 ||
	    buf_put(&b, p, segments * sizeof(p[0])) == -1;
	for (unsigned i = 0; i < c->n && !bad; i++)
		bad = put_note(&b, c, i) == -1;
	if (bad || write_full(fd, b.data, b.len) == -1)
		bad = err_sys(e, "write the headers");
	buf_fini(&b);
	return bad ? -1 : memory_file_write(fd, data, m, e);
}

/* --- of a machine ------------------------------------------------------- */

struct call {
	const struct accel	*accel;
	union accel_regs	*regs;
};

static int
get_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct call *c = arg;

	return accel_get_regs(c->accel, v, c->regs, e);
}

static int
dump(struct machine *m, int fd, struct err *e)
{
	struct board *board = machine_board(m);
	unsigned n = vcpus_count(machine_vcpus(m));
	own_mem union accel_regs *regs = calloc(n, sizeof(*regs));
	struct coredump_cpus cpus = { board->accel->arm64 != NULL, n, regs };
	struct call c = { .accel = board->accel };

	if (regs == NULL)
		return err_sys(e, "registers");
	for (unsigned i = 0; i < n; i++) {
		c.regs = &regs[i];
		if (vcpus_call(machine_vcpus(m), i, get_regs, &c, e) == -1)
			return err_prefix(e, "vCPU %u", i);
	}
	return coredump_write(fd, board->memory, &cpus, e);
}

int
coredump_save(struct machine *m, int dirfd, const char *path, struct err *e)
{
	own_fd int fd = -1;
	char tmp[PATH_MAX];
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, EEXIST, "%s: is there already", path);
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return err_set(e, ENAMETOOLONG, "core dump: name too long");
	(void)unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return err_sys(e, "core dump: create %s", tmp);
	if (dump(m, fd, e) == 0) {
		if (renameat(dirfd, tmp, dirfd, path) == 0)
			return 0;
		(void)err_sys(e, "rename %s", tmp);
	}
	(void)unlinkat(dirfd, tmp, 0);
	return err_prefix(e, "core dump");
}
