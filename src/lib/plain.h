/* SPDX-License-Identifier: ISC */
/*
 * plain.h - old output of a program, to be shown on a terminal of today
 *
 * What a guest wrote long ago asked a terminal of then: for its position,
 * for a title, for another screen.  Shown again, the answers would be typed
 * at the guest.  What is left here is text, its lines and its colours.
 */

#ifndef LIB_PLAIN_H
#define LIB_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Leave in 'text' what a terminal only shows: no control characters but
 * backspace, tab, newline and carriage return, no escape sequences but SGR
 * (ECMA-48, 8.3.117).  Returns the new length; what is not UTF-8 stays.
 */
size_t	plain_text(uint8_t *text, size_t len);

#endif
