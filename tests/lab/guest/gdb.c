/* SPDX-License-Identifier: ISC */
/*
 * gdb.c - gdb SOCKET PACKET...: what gdb's remote protocol answers to each
 * packet, a line each, for machines without gdb(1)
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
send_packet(FILE *f, const char *text)
{
	unsigned char sum = 0;

	for (const char *c = text; *c != '\0'; c++)
		sum = (unsigned char)(sum + *c);
	(void)fprintf(f, "$%s#%02x", text, sum);
	return fflush(f);
}

/* The next one, without its frame; it is acknowledged. */
static int
print_packet(FILE *f)
{
	int c;

	while ((c = getc(f)) != '$')
		if (c == EOF)
			return -1;
	while ((c = getc(f)) != '#') {
		if (c == EOF)
			return -1;
		(void)putchar(c);
	}
	(void)putchar('\n');
	(void)getc(f);
	(void)getc(f);
	(void)putc('+', f);
	return fflush(f);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *f = fdopen(fd, "r+");

	if (argc < 3 || strlen(argv[1]) >= sizeof(to.sun_path))
		return 2;
	strcpy(to.sun_path, argv[1]);
	if (f == NULL ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 2; i < argc; i++)
		if (send_packet(f, argv[i]) != 0 || print_packet(f) != 0)
			return 1;
	return 0;
}
