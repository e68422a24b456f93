/* SPDX-License-Identifier: ISC */
/*
 * msgsend.S - objc_msgSend for the double: find the method, jump to it
 *
 * All registers that may hold arguments are as the sender left them.
 */

#if defined(__x86_64__)
	.text
	.globl	objc_msgSend
	.type	objc_msgSend, @function
objc_msgSend:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%r8
	pushq	%r9
	call	double_lookup@PLT
	movq	%rax, %r11
	popq	%r9
	popq	%r8
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	jmp	*%r11
	.cfi_endproc
	.size	objc_msgSend, . - objc_msgSend
#elif defined(__aarch64__)
	.text
	.globl	objc_msgSend
	.type	objc_msgSend, %function
objc_msgSend:
	.cfi_startproc
	stp	x29, x30, [sp, #-80]!
	.cfi_def_cfa_offset 80
	.cfi_offset x29, -80
	.cfi_offset x30, -72
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	bl	double_lookup
	mov	x16, x0
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x29, x30, [sp], #80
	.cfi_def_cfa_offset 0
	br	x16
	.cfi_endproc
	.size	objc_msgSend, . - objc_msgSend
#endif
	.section .note.GNU-stack, "", %progbits
