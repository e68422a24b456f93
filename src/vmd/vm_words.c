/* SPDX-License-Identifier: ISC */
/* vm_words.c - the command lines of a VM's processes; see vm_words.h */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmd/vm_words.h"

#define CID_MIN		3	/* 0 to 2 have meanings of their own */
#define QUEUES_MAX	64
#define PAIRS_MAX	16

static const struct {
	const char	*program;	/* NULL: not built */
	const char	*name;
	bool		 takes_accel;	/* -A */
	bool		 takes_kvm;	/* -k */
	bool		 has_devices;	/* all but network cards */
} vmms[PRIV_HYPERVISORS] = {
	[PRIV_HV_QEMU]	= { "vmm-qemu", "qemu", true, false, false },
	[PRIV_HV_NULL]	= { "vmm-null", "null", false, false, false },
	[PRIV_HV_VMM]	= { "vmm", "vmm", false, true, false },
	[PRIV_HV_CLOUD]	= { NULL, "cloud-hypervisor", false, false, false },
	[PRIV_HV_VZ]	= { "vmm-vz", "vz", false, false, true },
};

static const char *const accels[PRIV_ACCELS] = {
	[PRIV_ACCEL_AUTO]	= "auto",
	[PRIV_ACCEL_KVM]	= "kvm",
	[PRIV_ACCEL_TCG]	= "tcg",
	[PRIV_ACCEL_HVF]	= "hvf",
};

const char *
vm_words_vmm(uint8_t hypervisor)
{
	return hypervisor < PRIV_HYPERVISORS ? vmms[hypervisor].program : NULL;
}

int
vm_words_by_name(const char *name)
{
	for (int i = 0; i < PRIV_HYPERVISORS; i++)
		if (strcmp(vmms[i].name, name) == 0)
			return i;
	return -1;
}

bool
vm_words_takes_kvm(uint8_t hypervisor)
{
	return hypervisor < PRIV_HYPERVISORS && vmms[hypervisor].takes_kvm;
}

bool
vm_words_has_devices(uint8_t hypervisor)
{
	return hypervisor < PRIV_HYPERVISORS && vmms[hypervisor].has_devices;
}

/* A numeric address, IPv4 or IPv6, or none. */
static bool
addr_valid(const char *addr)
{
	unsigned char bytes[16];

	return addr[0] == '\0' || inet_pton(AF_INET, addr, bytes) == 1 ||
	    inet_pton(AF_INET6, addr, bytes) == 1;
}

static bool
serial_valid(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

/* For people to read. */
static bool
text_valid(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static int
net_check(const struct priv_start *r, unsigned i, struct err *e)
{
	const struct priv_net *n = &r->net[i];

	if (n->is_tap && vmms[r->hypervisor].has_devices)
		return err_api(e, ENOTSUP, "not_supported", "net%u: %s has no "
		    "interfaces on switches and no local ones", i,
		    vmms[r->hypervisor].name);
	if (n->pairs > PAIRS_MAX)
		return err_api(e, EINVAL, "bad_request",
		    "net%u: at most %d queue pairs", i, PAIRS_MAX);
	if (n->is_tap && (!text_valid(n->tap.switch_name) ||
	    (n->tap.addr != 0 && (n->tap.addr & 1) == 0) ||
	    (n->tap.addr6[0] != 0 && (n->tap.addr == 0 ||
	    n->tap.addr6[0] == 0xff || n->tap.addr6[15] != 2)) ||
	    !priv_id_valid(r->name)))
		return err_api(e, EINVAL, "bad_request", "net%u: not the "
		    "names or the address of an interface", i);
	if (n->mac[0] & 1)
		return err_api(e, EINVAL, "bad_request",
		    "net%u: a group's MAC address", i);
	if (n->is_tap && n->nports > 0 && n->tap.addr == 0)
		return err_api(e, EINVAL, "bad_request", "net%u: ports of an "
		    "interface whose address is not known", i);
	for (unsigned p = 0; p < n->nports; p++) {
		if (n->ports[p].host == 0 || n->ports[p].guest == 0)
			return err_api(e, EINVAL, "bad_request",
			    "net%u: port 0", i);
		if (!addr_valid(n->ports[p].addr))
			return err_api(e, EINVAL, "bad_request",
			    "net%u: %s is no address", i, n->ports[p].addr);
	}
	return 0;
}

int
vm_words_check(const struct priv_start *r, struct err *e)
{
	if (!priv_id_valid(r->vm))
		return err_api(e, EINVAL, "bad_request", "not the id of a VM");
	if (vm_words_vmm(r->hypervisor) == NULL)
		return err_api(e, ENOTSUP, "not_supported",
		    "hypervisor %s is not part of this vmd",
		    vmms[r->hypervisor].name);
	if (r->vsock && r->cid < CID_MIN)
		return err_api(e, EINVAL, "bad_request",
		    "vsock0: context id %u is below %d", (unsigned)r->cid,
		    CID_MIN);
	for (unsigned i = 0; i < r->nblk; i++)
		if (r->blk[i].queues > QUEUES_MAX ||
		    !serial_valid(r->blk[i].serial))
			return err_api(e, EINVAL, "bad_request",
			    "disk%u: more than %d queues, or a serial number "
			    "with odd characters", i, QUEUES_MAX);
	if (r->config[0] != '\0' && !priv_id_valid(r->config))
		return err_api(e, EINVAL, "bad_request",
		    "not the name of a VM of vm.conf");
	if (r->nblk + r->nfiles > PRIV_BLK_MAX)
		return err_api(e, E2BIG, "bad_request", "more than %d disks",
		    PRIV_BLK_MAX);
	for (unsigned i = 0; i < r->nnet; i++)
		if (net_check(r, i, e) == -1)
			return -1;
	return 0;
}

void
vm_words_blk(struct spawn *s, const struct priv_blk *b, int fd)
{
	spawn_arg(s, "-d");
	spawn_arg(s, "%d", fd);
	if (b->readonly)
		spawn_arg(s, "-r");
	if (b->queues != 0) {
		spawn_arg(s, "-q");
		spawn_arg(s, "%u", b->queues);
	}
	if (b->serial[0] != '\0') {
		spawn_arg(s, "-s");
		spawn_arg(s, "%s", b->serial);
	}
	if (b->bytes_per_second != 0) {
		spawn_arg(s, "-b");
		spawn_arg(s, "%" PRIu64, b->bytes_per_second);
	}
	if (b->iops != 0) {
		spawn_arg(s, "-i");
		spawn_arg(s, "%" PRIu64, b->iops);
	}
}

void
vm_words_image(struct spawn *s, const struct image_files *f, uint64_t rate)
{
	spawn_arg(s, "-d");
	spawn_arg(s, "%d", spawn_fd(s, f->file[0].fd));
	spawn_arg(s, "-f");
	spawn_arg(s, "%s", image_format_name(f->file[0].format));
	for (unsigned i = 1; i < f->n; i++) {
		spawn_arg(s, "-B");
		spawn_arg(s, "%s:%d", image_format_name(f->file[i].format),
		    spawn_fd(s, f->file[i].fd));
	}
	if (rate != 0) {
		spawn_arg(s, "-b");
		spawn_arg(s, "%" PRIu64, rate);
	}
}

/* Of both kinds of network cards. */
static void
net_words(struct spawn *s, const struct priv_net *n)
{
	spawn_arg(s, "-m");
	spawn_arg(s, "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1],
	    n->mac[2], n->mac[3], n->mac[4], n->mac[5]);
	if (n->down != 0) {
		spawn_arg(s, "-D");
		spawn_arg(s, "%" PRIu64, n->down);
	}
	if (n->up != 0) {
		spawn_arg(s, "-U");
		spawn_arg(s, "%" PRIu64, n->up);
	}
	if (n->pairs != 0) {
		spawn_arg(s, "-q");
		spawn_arg(s, "%u", n->pairs);
	}
}

void
vm_words_net(struct spawn *s, const struct priv_net *n, const char *netboot)
{
	const struct priv_port *p;
	bool six;

	net_words(s, n);
	if (n->netboot) {
		spawn_arg(s, "-b");
		spawn_arg(s, "%s", netboot);
	}
	for (unsigned i = 0; i < n->nports; i++) {
		p = &n->ports[i];
		six = strchr(p->addr, ':') != NULL;
		spawn_arg(s, "-p");
		spawn_arg(s, "%s%s%s%s%u:%u%s", six ? "[" : "", p->addr,
		    six ? "]" : "", p->addr[0] != '\0' ? ":" : "", p->host,
		    p->guest, p->udp ? "/udp" : "");
	}
}

void
vm_words_tap(struct spawn *s, const struct priv_start *r, unsigned net, int fd)
{
	const struct priv_net *n = &r->net[net];
	const uint32_t a = n->tap.addr;
	char six[INET6_ADDRSTRLEN];

	net_words(s, n);
	spawn_arg(s, "-t");
	spawn_arg(s, "%d", fd);
	if (n->tap.locked)
		spawn_arg(s, "-l");
	if (a == 0)
		return;
	spawn_arg(s, "-a");
	spawn_arg(s, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
	    a & 255);
	if (n->tap.addr6[0] != 0) {
		(void)inet_ntop(AF_INET6, n->tap.addr6, six, sizeof(six));
		spawn_arg(s, "-6");
		spawn_arg(s, "%s", six);
	}
	spawn_arg(s, "-H");
	spawn_arg(s, "%s", r->name);
	if (n->tap.file[0] != '\0') {
		spawn_arg(s, "-b");
		spawn_arg(s, "%s", n->tap.file);
	}
}

void
vm_words_vsock(struct spawn *s, uint32_t cid, int listen_fd, int dir_fd)
{
	spawn_arg(s, "-c");
	spawn_arg(s, "%u", (unsigned)cid);
	spawn_arg(s, "-l");
	spawn_arg(s, "%d", listen_fd);
	spawn_arg(s, "-d");
	spawn_arg(s, "%d", dir_fd);
}

void
vm_words_share(struct spawn *s, const struct priv_share *share)
{
	if (share->readonly)
		spawn_arg(s, "-r");
	spawn_arg(s, "%s", share->path);
}

void
vm_words_accel(struct spawn *s, const struct priv_start *r)
{
	if (!vmms[r->hypervisor].takes_accel)
		return;
	spawn_arg(s, "-A");
	spawn_arg(s, "%s", accels[r->accel]);
}
