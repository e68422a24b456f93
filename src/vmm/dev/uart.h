/* SPDX-License-Identifier: ISC */
/*
 * uart.h - the serial port COM1: a 16550A at one end of a wire.h
 */

#ifndef VMM_DEV_UART_H
#define VMM_DEV_UART_H

#include <jansson.h>

#include "lib/err.h"
#include "lib/own.h"

#define UART_PORT	0x3f8
#define UART_GSI	4

struct board;
struct uart;

/* 'stream' is taken, also on failure: a socket, terminal or pipe. */
int	uart_new(struct uart **ret, struct board *, int stream, struct err *);
/* What the guest sent before is written first. */
void	uart_destroy(struct uart *);
OWN_DEFINE(struct uart, uart_destroy);

/* As after power on; what was sent is written. */
void	uart_reset(struct uart *);

/* The other end sent a break; board locked. */
void	uart_break(struct uart *);

/* Registers and what was received and not read yet.  The board is paused. */
json_t	*uart_save(struct uart *);
int	uart_load(struct uart *, const json_t *, struct err *);

#endif
