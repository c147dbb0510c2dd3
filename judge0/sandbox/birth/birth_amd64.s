#include "textflag.h"

// func clone(number, first, second uintptr, calls *call, count uintptr, failed *failure) int64
//
// The child shares the stack too, so it uses none: all that it needs is in registers, which the
// kernel keeps. System calls clobber CX and R11 only.
TEXT ·clone(SB),NOSPLIT,$0-56
	MOVQ	calls+24(FP), R12
	MOVQ	count+32(FP), R13
	MOVQ	failed+40(FP), R15
	MOVQ	first+8(FP), DI
	MOVQ	second+16(FP), SI
	MOVQ	$0, DX
	MOVQ	$0, R10
	MOVQ	$0, R8
	MOVQ	$0, R9
	MOVQ	number+0(FP), AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, ret+48(FP)
	RET
child:
	TESTQ	R13, R13
	JEQ	leave
	MOVQ	0(R12), AX
	MOVQ	8(R12), DI
	MOVQ	16(R12), SI
	MOVQ	24(R12), DX
	MOVQ	32(R12), R10
	MOVQ	40(R12), R8
	MOVQ	48(R12), R9
	SYSCALL
	CMPQ	AX, $0xfffffffffffff001
	JCC	fail
	ADDQ	$56, R12
	SUBQ	$1, R13
	JMP	child
fail:
	NEGQ	AX
	MOVQ	R13, 8(R15)
	MOVQ	AX, 0(R15)
leave:
	MOVQ	$127, DI
	MOVQ	$231, AX	// exit_group
	SYSCALL
	JMP	leave
