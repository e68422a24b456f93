/* SPDX-License-Identifier: ISC */
/*
 * sector.S - a disk that boots: its first sector, and the second
 *
 * What firmware promises is used: INT 10h prints, INT 13h reads the second
 * sector, INT 15h waits and tells of memory.  The first time it resets the
 * machine, by the way its third sector's first byte names; the time after
 * that, which a byte of CMOS memory tells, it powers the machine off.
 */
	.code16
	.text
	.globl	_start
_start:
	ljmp	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	movw	$first, %si
	call	print

	movb	$0x41, %ah		/* are there reads by block number? */
	movw	$0x55aa, %bx
	movb	drive, %dl
	int	$0x13
	jc	failed
	movb	$0x42, %ah
	movw	$packet, %si
	movb	drive, %dl
	int	$0x13
	jc	failed
	cmpl	$0x21646e32, magic	/* "2nd!" */
	jne	failed
	jmp	second
failed:
	movw	$bad, %si
	call	print
	jmp	off

print:	lodsb
	testb	%al, %al
	jz	1f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	print
1:	ret

/* The last characters come with the timer's interrupt. */
flush:	sti
	hlt
	hlt
	hlt
	cli
	ret

off:	call	flush
	movw	$0x600, %dx		/* ACPI's sleep control: S5, now */
	movb	$0x34, %al
	outb	%al, %dx
	movw	$0x604, %dx		/* or a PIIX4's PM1 control: S5, now */
	movw	$0x2000, %ax
	outw	%ax, %dx
1:	hlt
	jmp	1b

drive:	.byte	0
	.balign	4
packet:	.byte	16, 0			/* two blocks from 1 on, to 0x7e00 */
	.word	2, 0x7e00, 0
	.quad	1
first:	.asciz	"guest: first sector\r\n"
bad:	.asciz	"guest: INT 13h failed\r\n"
	.org	510
	.word	0xaa55

/* --- the second sector --------------------------------------------------- */

magic:	.ascii	"2nd!"
second:
	movb	$0x86, %ah		/* 20 ms, by the clock's interrupts */
	xorw	%cx, %cx
	movw	$20000, %dx
	int	$0x15
	jc	failed
	movw	$says, %si
	call	print
	movw	$0xe801, %ax		/* memory above 16 MiB, 64 KiB each */
	int	$0x15
	jc	failed
	movw	%dx, %ax
	call	number
	movw	$lines, %si
	call	print

	movb	$0x40, %al		/* have we been here? */
	outb	%al, $0x70
	inb	$0x71, %al
	testb	%al, %al
	jnz	bye
	movb	$0x40, %al
	outb	%al, $0x70
	movb	$1, %al
	outb	%al, $0x71
	call	flush
	movb	way, %al
	cmpb	$'c', %al
	je	by_control
	cmpb	$'a', %al
	je	by_port_a
	cmpb	$'k', %al
	je	by_keyboard
	cmpb	$'v', %al
	je	by_vector
	cmpb	$'t', %al
	je	by_fault
	cmpb	$'w', %al
	je	wait
	jmp	off
wait:	xorb	%ah, %ah		/* for a key, then the disk again */
	int	$0x16
	movw	$key, %si
	call	print
	movl	$0, magic
	movb	$0x42, %ah
	movw	$packet, %si
	movb	drive, %dl
	int	$0x13
	jc	failed
	cmpl	$0x21646e32, magic
	jne	failed
	movw	$again, %si
	call	print
	jmp	off
by_control:
	movw	$0xcf9, %dx
	movb	$6, %al
	outb	%al, %dx
	jmp	stay
by_port_a:
	inb	$0x92, %al
	orb	$1, %al
	outb	%al, $0x92
	jmp	stay
by_keyboard:
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	stay
by_vector:
	ljmp	$0xffff, $0
by_fault:
	lidt	nothing
	int3
stay:	hlt
	jmp	stay
bye:	movw	$again, %si
	call	print
	jmp	off

/* Print ax. */
number:	pushw	%ax
	movb	%ah, %al
	call	byte
	popw	%ax
byte:	pushw	%ax
	shrb	$4, %al
	call	digit
	popw	%ax
digit:	andb	$15, %al
	addb	$'0', %al
	cmpb	$'9', %al
	jbe	1f
	addb	$'a' - '0' - 10, %al
1:	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	ret

key:	.asciz	"guest: key\r\n"
nothing:.word	0
	.long	0
says:	.asciz	"guest: second sector, memory "
again:	.asciz	"guest: again\r\n"
lines:	.asciz	"\r\n"
	.org	1024
way:	.byte	0
	.org	1536
