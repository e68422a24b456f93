/* SPDX-License-Identifier: ISC */
/* spec_lists.c - published ports, volumes and shares of a spec; see spec.h */

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/spec_private.h"
#include "lib/json.h"
#include "lib/util.h"

/* --- ports ---------------------------------------------------------------- */

static bool
is_address(const char *s)
{
	struct in6_addr a;

	return inet_pton(AF_INET, s, &a) == 1 ||
	    inet_pton(AF_INET6, s, &a) == 1;
}

static int
take_port(struct spec_port *p, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"host_ip", "host_port", "guest_port", "protocol", NULL,
	};
	const char *ip = NULL, *protocol = "tcp";
	uint64_t host = 0, guest = 0;

	memset(p, 0, sizeof(*p));
	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "must be an object");
	if (json_only(doc, known, e) == -1 ||
	    json_get_str(&ip, doc, "host_ip", sizeof(p->host_ip) - 1,
	    e) == -1 ||
	    json_get_str(&protocol, doc, "protocol", 8, e) == -1 ||
	    json_get_u64(&host, doc, "host_port", 1, 65535, e) == -1 ||
	    json_get_u64(&guest, doc, "guest_port", 1, 65535, e) == -1)
		return -1;
	if (host == 0 || guest == 0)
		return err_api(e, EINVAL, "invalid_request",
		    "host_port and guest_port are needed");
	if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
		return err_api(e, EINVAL, "invalid_request",
		    "protocol: \"%s\" is neither tcp nor udp", protocol);
	if (ip != NULL && *ip != '\0' && !is_address(ip))
		return err_api(e, EINVAL, "invalid_request",
		    "host_ip: \"%s\" is no numeric address", ip);
	(void)snprintf(p->host_ip, sizeof(p->host_ip), "%s",
	    ip == NULL ? "" : ip);
	p->host = (uint16_t)host;
	p->guest = (uint16_t)guest;
	p->udp = *protocol == 'u';
	return 0;
}

bool
spec_ports_clash(const struct spec_port *a, const struct spec_port *b)
{
	return a->host == b->host && a->udp == b->udp &&
	    (a->host_ip[0] == '\0' || b->host_ip[0] == '\0' ||
	    strcmp(a->host_ip, "0.0.0.0") == 0 ||
	    strcmp(b->host_ip, "0.0.0.0") == 0 ||
	    strcmp(a->host_ip, "::") == 0 || strcmp(b->host_ip, "::") == 0 ||
	    strcmp(a->host_ip, b->host_ip) == 0);
}

int
spec_take_ports(struct spec *s, const json_t *doc, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int found;

	found = json_get_arr(&list, doc, "ports", SPEC_PORTS_MAX, e);
	if (found <= 0 || json_array_size(list) == 0)
		return found;
	s->ports = calloc(json_array_size(list), sizeof(*s->ports));
	if (s->ports == NULL)
		return err_sys(e, "ports");
	json_array_foreach(list, i, v) {
		if (take_port(&s->ports[i], v, e) == -1)
			return err_prefix(e, "ports[%zu]", i);
		for (size_t k = 0; k < i; k++)
			if (spec_ports_clash(&s->ports[i], &s->ports[k]))
				return err_api(e, EINVAL, "invalid_request",
				    "ports[%zu]: host port %u is given twice",
				    i, s->ports[i].host);
		s->nports++;
	}
	return 1;
}

/* --- volumes -------------------------------------------------------------- */

/* An absolute path without empty, "." or ".." components. */
static bool
is_clean_path(const char *s)
{
	size_t n;

	if (*s != '/' || s[1] == '\0')
		return false;
	while (*s == '/') {
		s++;
		n = strcspn(s, "/");
		if (n == 0 || (n == 1 && s[0] == '.') ||
		    (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
	}
	return true;
}

/* Mounting there would hide what the guest cannot live without. */
static bool
is_vital(const char *path)
{
	static const char *const whole[] = {
		"/bin", "/etc", "/lib", "/lib64", "/root", "/run", "/sbin",
		"/tmp", "/usr", "/var",
	};
	static const char *const below[] = {
		"/boot", "/dev", "/proc", "/sys",
	};

	for (size_t i = 0; i < COUNT(whole); i++)
		if (strcmp(path, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < COUNT(below); i++) {
		size_t len = strlen(below[i]);

		if (strncmp(path, below[i], len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

static int
check_mount_path(const char *member, const char *path, struct err *e)
{
	if (!is_clean_path(path) || strchr(path, ',') != NULL)
		return err_api(e, EINVAL, "invalid_request", "%s: \"%s\" is "
		    "not an absolute path without \"..\" and \",\"", member,
		    path);
	if (is_vital(path))
		return err_api(e, EINVAL, "invalid_request",
		    "%s: %s belongs to the system", member, path);
	return 0;
}

static int
take_volume(struct spec_volume *v, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"volume_id", "mount_path", "readonly", "overlay",
		"overlay_size", NULL,
	};
	bool overlay = false;

	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "must be an object");
	if (json_only(doc, known, e) == -1 ||
	    spec_take_text(&v->id, doc, "volume_id", 128, e) == -1 ||
	    spec_take_text(&v->path, doc, "mount_path", SPEC_PATH_MAX,
	    e) == -1 ||
	    json_get_bool(&v->readonly, doc, "readonly", e) == -1 ||
	    json_get_bool(&overlay, doc, "overlay", e) == -1)
		return -1;
	if (overlay)
		return err_api(e, ENOTSUP, "not_supported",
		    "overlay: this version has no overlay volumes");
	if (v->id == NULL || v->path == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "volume_id and mount_path are needed");
	return check_mount_path("mount_path", v->path, e);
}

int
spec_take_volumes(struct spec *s, const json_t *doc, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int found;

	found = json_get_arr(&list, doc, "volumes", SPEC_VOLUMES_MAX, e);
	if (found <= 0 || json_array_size(list) == 0)
		return found;
	s->volumes = calloc(json_array_size(list), sizeof(*s->volumes));
	if (s->volumes == NULL)
		return err_sys(e, "volumes");
	json_array_foreach(list, i, v) {
		s->nvolumes = i + 1;
		if (take_volume(&s->volumes[i], v, e) == -1)
			return err_prefix(e, "volumes[%zu]", i);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->volumes[i].path,
			    s->volumes[k].path) == 0)
				return err_api(e, EINVAL, "invalid_request",
				    "volumes[%zu]: mount_path %s is given "
				    "twice", i, s->volumes[i].path);
	}
	return 1;
}

/* --- shares --------------------------------------------------------------- */

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static int
take_share(struct spec_share *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"host_path", "path", "readonly", NULL,
	};

	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "must be an object");
	if (json_only(doc, known, e) == -1 ||
	    spec_take_text(&s->host, doc, "host_path", SPEC_PATH_MAX,
	    e) == -1 ||
	    spec_take_text(&s->path, doc, "path", SPEC_PATH_MAX, e) == -1 ||
	    json_get_bool(&s->readonly, doc, "readonly", e) == -1)
		return -1;
	if (s->host == NULL || s->path == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "host_path and path are needed");
	if ((strcmp(s->host, "/") != 0 && !is_clean_path(s->host)) ||
	    !is_printable(s->host))
		return err_api(e, EINVAL, "invalid_request", "host_path: "
		    "\"%s\" is not an absolute path without \"..\"", s->host);
	return check_mount_path("path", s->path, e);
}

static int
check_once(const struct spec *s, size_t i, struct err *e)
{
	const char *path = s->shares[i].path;
	bool twice = false;

	for (size_t k = 0; k < i; k++)
		twice |= strcmp(path, s->shares[k].path) == 0;
	for (size_t k = 0; k < s->nvolumes; k++)
		twice |= strcmp(path, s->volumes[k].path) == 0;
	return !twice ? 0 : err_api(e, EINVAL, "invalid_request",
	    "path %s is given twice", path);
}

int
spec_take_shares(struct spec *s, const json_t *doc, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int found;

	found = json_get_arr(&list, doc, "shares", SPEC_SHARES_MAX, e);
	if (found <= 0 || json_array_size(list) == 0)
		return found;
	if (s->nvolumes + json_array_size(list) > SPEC_MOUNTS_MAX)
		return err_api(e, E2BIG, "invalid_request", "volumes and "
		    "shares together are more than %d", SPEC_MOUNTS_MAX);
	s->shares = calloc(json_array_size(list), sizeof(*s->shares));
	if (s->shares == NULL)
		return err_sys(e, "shares");
	json_array_foreach(list, i, v) {
		s->nshares = i + 1;
		if (take_share(&s->shares[i], v, e) == -1 ||
		    check_once(s, i, e) == -1)
			return err_prefix(e, "shares[%zu]", i);
	}
	return 1;
}

/* --- files of the host ---------------------------------------------------- */

static const char *const format_names[FORMATS] = {
	[FORMAT_ANY] = "", [FORMAT_RAW] = "raw", [FORMAT_QCOW2] = "qcow2",
};

const char *
spec_format_name(enum spec_format f)
{
	return format_names[f];
}

bool
spec_has_files(const struct spec *s)
{
	return s->ndisks > 0 || s->kernel != NULL || s->initramfs != NULL ||
	    s->firmware != NULL || s->cdrom != NULL || s->netboot != NULL;
}

bool
spec_is_firmware(const struct spec *s)
{
	return s->image == NULL && s->kernel == NULL;
}

bool
spec_may_boot(const struct spec *s, enum spec_boot boot)
{
	return boot == BOOT_ANY || spec_is_firmware(s) ||
	    (boot == BOOT_NET && s->image == NULL);
}

static const char *const boot_names[BOOTS] = {
	[BOOT_ANY] = "", [BOOT_DISK] = "disk", [BOOT_CDROM] = "cdrom",
	[BOOT_NET] = "net",
};

const char *
spec_boot_name(enum spec_boot b)
{
	return boot_names[b];
}

int
spec_boot_device(enum spec_boot *ret, const json_t *doc, struct err *e)
{
	const char *text = "";

	if (json_get_str(&text, doc, "boot_device", 16, e) == -1)
		return -1;
	for (int i = 0; i < BOOTS; i++) {
		if (strcmp(boot_names[i], text) == 0) {
			*ret = (enum spec_boot)i;
			return 0;
		}
	}
	return err_api(e, EINVAL, "invalid_request", "boot_device: \"%s\" is "
	    "not disk, cdrom or net", text);
}

static int
take_host_path(char **to, const json_t *doc, const char *name, struct err *e)
{
	int found = spec_take_text(to, doc, name, SPEC_PATH_MAX, e);

	if (found != 1 || *to == NULL)
		return found;
	if (**to != '/' || !is_printable(*to))
		return err_api(e, EINVAL, "invalid_request",
		    "%s: \"%s\" is not an absolute path", name, *to);
	return 1;
}

static int
take_disk(struct spec_disk *d, const json_t *doc, struct err *e)
{
	static const char *const known[] = { "path", "format", NULL };
	const char *format = "";

	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "must be an object");
	if (json_only(doc, known, e) == -1 ||
	    take_host_path(&d->path, doc, "path", e) == -1 ||
	    json_get_str(&format, doc, "format", 16, e) == -1)
		return -1;
	if (d->path == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "path is needed");
	for (int i = 0; i < FORMATS; i++) {
		if (strcmp(format_names[i], format) == 0) {
			d->format = (enum spec_format)i;
			return 0;
		}
	}
	return err_api(e, EINVAL, "invalid_request", "format: \"%s\" is "
	    "neither raw nor qcow2", format);
}

static int
take_disks(struct spec *s, const json_t *doc, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;

	if (json_get_arr(&list, doc, "disks", SPEC_DISKS_MAX, e) == -1)
		return -1;
	json_array_foreach(list, i, v) {
		s->ndisks = i + 1;
		if (take_disk(&s->disks[i], v, e) == -1)
			return err_prefix(e, "disks[%zu]", i);
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->disks[i].path, s->disks[k].path) == 0)
				return err_api(e, EINVAL, "invalid_request",
				    "disks[%zu]: %s is given twice", i,
				    s->disks[i].path);
	}
	return 0;
}

/* What vminit does for an image, nobody does for another kernel. */
static int
refuse_image_only(const json_t *doc, struct err *e)
{
	static const char *const names[] = { "cmd", "entrypoint", "env",
	    "hostname", "overlay_size", "platform", "shares", "stop_signal",
	    "tty", "user", "volumes", "working_dir" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const json_t *v = json_object_get(doc, names[i]);

		if (v != NULL && !json_is_null(v) && !json_is_false(v) &&
		    (json_is_string(v) || json_array_size(v) > 0 ||
		    json_object_size(v) > 0 || json_is_true(v)))
			return err_api(e, EINVAL, "invalid_request",
			    "%s: goes with an image, and there is none",
			    names[i]);
	}
	return 0;
}

/* What goes with firmware, and what with a kernel. */
static int
check_boot(const struct spec *s, struct err *e)
{
	bool firmware = spec_is_firmware(s);

	if (firmware && s->ndisks == 0 && s->cdrom == NULL &&
	    s->boot != BOOT_NET && s->firmware == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "image: is missing");
	if (!firmware && (s->firmware != NULL ||
	    !spec_may_boot(s, s->boot)))
		return err_api(e, EINVAL, "invalid_request", "%s: goes "
		    "without an image and a kernel", s->firmware != NULL ?
		    "firmware" : "boot_device");
	if (s->netboot != NULL && (s->image != NULL || !s->network))
		return err_api(e, EINVAL, "invalid_request", "netboot: goes "
		    "with a card of the user network, and without an image");
	if (firmware && (s->initramfs != NULL || s->cmdline != NULL))
		return err_api(e, EINVAL, "invalid_request",
		    "%s: goes with a kernel", s->initramfs != NULL ?
		    "initramfs" : "cmdline");
	return 0;
}

int
spec_take_files(struct spec *s, const json_t *doc, struct err *e)
{
	if (take_disks(s, doc, e) == -1 ||
	    take_host_path(&s->kernel, doc, "kernel", e) == -1 ||
	    take_host_path(&s->initramfs, doc, "initramfs", e) == -1 ||
	    take_host_path(&s->firmware, doc, "firmware", e) == -1 ||
	    take_host_path(&s->cdrom, doc, "cdrom", e) == -1 ||
	    take_host_path(&s->netboot, doc, "netboot", e) == -1 ||
	    spec_boot_device(&s->boot, doc, e) == -1 ||
	    spec_take_text(&s->cmdline, doc, "cmdline", SPEC_CMDLINE_MAX,
	    e) == -1)
		return -1;
	if (s->initramfs != NULL && s->image != NULL)
		return err_api(e, EINVAL, "invalid_request", "initramfs: an "
		    "image is run by the one that comes with vmd");
	if (check_boot(s, e) == -1)
		return -1;
	if (s->image != NULL)
		return 0;
	s->overlay = 0;
	return refuse_image_only(doc, e);
}
