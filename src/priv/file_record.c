/* SPDX-License-Identifier: ISC */
/* file_record.c - the text of files of VMs; see file_record.h */

#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "priv/file_record.h"

static const char *const kinds[PRIV_FILE_KINDS] = {
	[PRIV_FILE_DISK] = "disk", [PRIV_FILE_CDROM] = "cdrom",
	[PRIV_FILE_KERNEL] = "kernel", [PRIV_FILE_INITRAMFS] = "initramfs",
	[PRIV_FILE_FIRMWARE] = "firmware", [PRIV_FILE_NETBOOT] = "netboot",
};

static const char *const formats[PRIV_FORMATS] = {
	[PRIV_FORMAT_ANY] = "any", [PRIV_FORMAT_RAW] = "raw",
	[PRIV_FORMAT_QCOW2] = "qcow2",
};

const char *
file_record_kind(uint8_t kind)
{
	return kind < PRIV_FILE_KINDS ? kinds[kind] : "file";
}

bool
file_record_path_valid(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int
file_record_print(struct buf *b, const struct priv_files *r, uid_t uid)
{
	if (buf_printf(b, "vm %s\nuid %u\n", r->vm, (unsigned)uid) == -1)
		return -1;
	for (unsigned i = 0; i < r->nfiles; i++)
		if (buf_printf(b, "%s %s %s\n", kinds[r->file[i].kind],
		    formats[r->file[i].format], r->file[i].path) == -1)
			return -1;
	return 0;
}

/* --- reading -------------------------------------------------------------- */

/* Which of the words the line begins with; what is behind it and a space. */
static int
take_word(const char **line, const char *const words[], int n)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(*line, words[i], len) == 0 &&
		    (*line)[len] == ' ') {
			*line += len + 1;
			return i;
		}
	}
	return -1;
}

/* Of a kind that is there once, the last one counts. */
static struct file *
place_for(struct files *s, int kind)
{
	if (kind == PRIV_FILE_DISK) {
		if (s->ndisks == PRIV_FILE_DISKS_MAX)
			return NULL;
		s->ndisks++;
	} else {
		for (unsigned i = 0; i < s->n; i++)
			if (s->file[i].f.kind == kind)
				return &s->file[i];
	}
	return s->n == PRIV_FILE_MAX ? NULL : &s->file[s->n++];
}

static int
take_file(struct files *s, uid_t uid, bool disks, const char *line)
{
	int kind = take_word(&line, kinds, PRIV_FILE_KINDS);
	int format = kind == -1 ? -1 :
	    take_word(&line, formats, PRIV_FORMATS);
	struct file *to;

	if (format == -1 || !file_record_path_valid(line) ||
	    strlen(line) >= PRIV_PATH_MAX)
		return -1;
	if (kind == PRIV_FILE_DISK && !disks)
		return 0;
	to = place_for(s, kind);
	if (to == NULL)
		return -1;
	to->uid = uid;
	to->f.kind = (uint8_t)kind;
	to->f.format = (uint8_t)format;
	memcpy(to->f.path, line, strlen(line) + 1);
	return 0;
}

int
file_record_parse(struct files *s, char *text, const char *vm, bool disks)
{
	uid_t uid = geteuid();
	bool ours = false;
	char *line, *save = NULL;
	uint64_t n;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "vm ", 3) == 0) {
			ours = strcmp(line + 3, vm) == 0;
			uid = geteuid();
		} else if (!ours) {
			continue;
		} else if (strncmp(line, "uid ", 4) == 0) {
			if (num_parse(&n, line + 4, 0, UINT32_MAX - 1,
			    NULL) == -1)
				return -1;
			uid = (uid_t)n;
		} else if (take_file(s, uid, disks, line) == -1) {
			return -1;
		}
	}
	return 0;
}

/* A number or -1; what is behind it. */
static const char *
take_id(uint32_t *ret, const char *s)
{
	char word[16];
	size_t len = strcspn(s, " \n");
	uint64_t n = UINT32_MAX;

	if (len == 0 || len >= sizeof(word))
		return NULL;
	memcpy(word, s, len);
	word[len] = '\0';
	if (strcmp(word, "-1") != 0 &&
	    num_parse(&n, word, 0, UINT32_MAX - 1, NULL) == -1)
		return NULL;
	*ret = (uint32_t)n;
	return s + len;
}

bool
file_record_socket(uid_t *uid, gid_t *gid, const char *text)
{
	static const char word[] = "socket ";
	uint32_t u, g;

	for (; text != NULL && strncmp(text, "vm ", 3) != 0;
	    text = strchr(text, '\n'), text = text != NULL ? text + 1 : NULL) {
		if (strncmp(text, word, sizeof(word) - 1) != 0)
			continue;
		text = take_id(&u, text + sizeof(word) - 1);
		if (text == NULL || *text++ != ' ')
			return false;
		text = take_id(&g, text);
		if (text == NULL || *text != '\n')
			return false;
		*uid = (uid_t)u;
		*gid = (gid_t)g;
		return true;
	}
	return false;
}
