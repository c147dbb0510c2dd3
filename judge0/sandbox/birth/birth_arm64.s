#include "textflag.h"

// func clone(number, first, second uintptr, calls *call, count uintptr, failed *failure) int64
//
// The child shares the stack too, so it uses none: all that it needs is in registers, which the
// kernel keeps. System calls clobber R0 only.
TEXT ·clone(SB),NOSPLIT,$0-56
	MOVD	calls+24(FP), R20
	MOVD	count+32(FP), R21
	MOVD	failed+40(FP), R22
	MOVD	first+8(FP), R0
	MOVD	second+16(FP), R1
	MOVD	$0, R2
	MOVD	$0, R3
	MOVD	$0, R4
	MOVD	$0, R5
	MOVD	number+0(FP), R8
	SVC
	CBZ	R0, child
	MOVD	R0, ret+48(FP)
	RET
child:
	CBZ	R21, leave
	MOVD	0(R20), R8
	MOVD	8(R20), R0
	MOVD	16(R20), R1
	MOVD	24(R20), R2
	MOVD	32(R20), R3
	MOVD	40(R20), R4
	MOVD	48(R20), R5
	SVC
	CMN	$4095, R0
	BHS	fail
	ADD	$56, R20
	SUB	$1, R21
	B	child
fail:
	NEG	R0, R0
	MOVD	R21, 8(R22)
	MOVD	R0, 0(R22)
leave:
	MOVD	$127, R0
	MOVD	$94, R8	// exit_group
	SVC
	B	leave
