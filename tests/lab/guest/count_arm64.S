/* SPDX-License-Identifier: ISC */
/*
 * count_arm64.S - an arm64 Image that counts and does nothing else, in the
 * upper half of its addresses, which tables of its own map
 */
	.globl	_start, again, here, value
	.text
_start:	b	begin
	.long	0
	.quad	0, 0x10000, 0, 0, 0, 0	/* where in memory, how large */
	.ascii	"ARM\x64"
	.long	0

	/* One block of 1 GiB, where memory begins: used, shared, normal. */
begin:	adr	x0, table
	mov	x1, #0x40000000
	mov	x2, #0x701
	orr	x1, x1, x2
	str	x1, [x0, #8]
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x0
	mov	x1, #0xff
	msr	mair_el1, x1
	/* 39 bits below and above, pages of 4 KiB, 40 bits of memory. */
	ldr	x1, =0x2b5193519
	msr	tcr_el1, x1
	isb
	mrs	x1, sctlr_el1
	orr	x1, x1, #1
	msr	sctlr_el1, x1
	isb
	ldr	x1, =high
	br	x1
high:	ldr	x3, =value
	mov	x0, #0
again:	add	x0, x0, #1
	str	x0, [x3]
here:	nop
	ldr	x4, [x3]
	b	again
	.ltorg

	.balign	4096
table:	.space	4096
value:	.quad	0
