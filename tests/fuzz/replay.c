/* SPDX-License-Identifier: ISC */
/*
 * replay.c - feed a fuzz target its corpus, as a test
 *
 * Linked with a fuzz target in the place of libFuzzer.  Every file of
 * tests/fuzz/corpus/NAME is given to it, whole and cut short at some places;
 * what is found is a crash, a sanitizer's report or an endless loop.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/io.h"

#define INPUT_MAX	(1 << 20)	/* bytes of a corpus file */
#define HANG_SECONDS	120		/* for the whole corpus */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int	LLVMFuzzerInitialize(int *, char ***);
__attribute__((weak)) int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* A heap copy of exactly len bytes, so that reading past them is seen. */
static void
feed(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	if (copy == NULL)
		abort();
	if (len != 0)
		memcpy(copy, data, len);
	(void)LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static unsigned
feed_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *de;
	struct buf b;
	struct err e;
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		buf_init(&b, INPUT_MAX);
		if (file_read(&b, dirfd(d), de->d_name, &e) == -1) {
			printf("# %s\n", e.text);
		} else {
			for (size_t cut = 1; cut <= 8; cut++)
				feed(b.data, b.len * cut / 8);
			n++;
		}
		buf_fini(&b);
	}
	(void)closedir(d);
	return n;
}

int
main(int argc, char *argv[])
{
	char path[512];
	const char *name;

	(void)alarm(HANG_SECONDS);
	(void)LLVMFuzzerInitialize(&argc, &argv);
	name = strrchr(argv[0], '/');
	name = name == NULL ? argv[0] : name + 1;
	(void)snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
	feed(NULL, 0);
	printf("ok 1 - %s: %u inputs\n1..1\n", name, feed_directory(path));
	return 0;
}
