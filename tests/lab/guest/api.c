/* SPDX-License-Identifier: ISC */
/*
 * api.c - api SOCKET CALL [BODY]: one PUT of the VMM's API, for machines
 * without curl(1); prints the status
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *body = argc > 3 ? argv[3] : "";
	char text[4096];
	ssize_t n;
	int fd, len;

	if (argc < 3 || strlen(argv[1]) >= sizeof(to.sun_path))
		return 2;
	strcpy(to.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		perror(argv[1]);
		return 1;
	}
	len = snprintf(text, sizeof(text), "PUT /api/v1/%s HTTP/1.1\r\n"
	    "Host: vmm\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", argv[2], strlen(body), body);
	if (len >= (int)sizeof(text) || write(fd, text, (size_t)len) != len)
		return 1;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 12)
		return 1;
	text[n] = '\0';
	printf("%.3s\n", text + 9);
	if (text[9] != '2')
		fprintf(stderr, "%s\n", text);
	return 0;
}
