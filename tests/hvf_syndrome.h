/* SPDX-License-Identifier: ISC */
/*
 * hvf_syndrome.h - what ESR_ELx says of a data abort
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), "ISS encoding for an
 * exception from a Data Abort".
 */

#ifndef HVF_SYNDROME_H
#define HVF_SYNDROME_H

#include <stdint.h>

#define ISV		(1U << 24)
#define SAS(n)		((uint32_t)(n) << 22)
#define SSE		(1U << 21)
#define SRT(n)		((uint32_t)(n) << 16)
#define SF		(1U << 15)
#define CM		(1U << 8)
#define S1PTW		(1U << 7)
#define WNR		(1U << 6)

#endif
