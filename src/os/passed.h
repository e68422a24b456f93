/* SPDX-License-Identifier: ISC */
/* passed.h - a listening socket that was made for this program */

#ifndef OS_PASSED_H
#define OS_PASSED_H

/*
 * The socket that who started this program made for it, close-on-exec:
 * systemd's (sd_listen_fds(3), one), launchd's of the name "vmd".  -1: there
 * is none.
 */
int	os_passed_socket(void);

#endif
