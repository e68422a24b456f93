/* SPDX-License-Identifier: ISC */
/* net_resolver.c - the host's name servers; see net_resolver.h */

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/own.h"
#include "viod/net_resolver.h"

#define FILE_MAX	4096	/* bytes of resolv.conf */

void
net_resolver_allow(struct sandbox *s)
{
	static char dir[PATH_MAX];
	char *slash;

	if (realpath(NET_RESOLVER_FILE, dir) == NULL)
		return;		/* no names, then */
	slash = strrchr(dir, '/');
	*slash = '\0';
	sandbox_add(s, dir, SANDBOX_READ);
}

static bool
read_server(union net_server *s, const char *word, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	if (inet_pton(AF_INET, word, &s->in.sin_addr) == 1) {
		s->in.sin_family = AF_INET;
		s->in.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, word, &s->in6.sin6_addr) == 1) {
		s->in6.sin6_family = AF_INET6;
		s->in6.sin6_port = htons(port);
		return true;
	}
	return false;
}

socklen_t
net_server_size(const union net_server *s)
{
	return s->any.sa_family == AF_INET ? sizeof(s->in) : sizeof(s->in6);
}

void
net_servers_read(struct net_servers *ret, const char *file, uint16_t port)
{
	own_fd int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[FILE_MAX], *line, *save = NULL, *word, *rest;
	ssize_t n = fd == -1 ? 0 : read_full(fd, text, sizeof(text) - 1);

	ret->n = 0;
	text[n > 0 ? n : 0] = '\0';
	line = strtok_r(text, "\n", &save);
	for (; line != NULL && ret->n < NET_SERVERS_MAX;
	    line = strtok_r(NULL, "\n", &save)) {
		word = strtok_r(line, " \t\r", &rest);
		if (word == NULL || strcmp(word, "nameserver") != 0)
			continue;
		word = strtok_r(NULL, " \t\r", &rest);
		if (word != NULL &&
		    read_server(&ret->server[ret->n], word, port))
			ret->n++;
	}
	if (ret->n == 0 && read_server(&ret->server[0], "127.0.0.1", port))
		ret->n = 1;
}
