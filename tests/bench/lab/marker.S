/* SPDX-License-Identifier: ISC */
/*
 * marker.S - /init of a guest under observation: says by CPUID that it runs
 *
 * A processor in a guest always leaves it for CPUID; nobody else asks for
 * this leaf.  Then it waits; with SPIN it says so again and again.
 */

	.globl	_start
_start:
	mov	$0x0badf00d, %eax
	xor	%ecx, %ecx
	cpuid
#ifdef SPIN
	jmp	_start
#endif
1:	mov	$34, %eax		/* pause(2) */
	syscall
	jmp	1b
	.section .note.GNU-stack, "", @progbits
