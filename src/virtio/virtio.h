/* SPDX-License-Identifier: ISC */
/*
 * virtio.h - numbers and layouts of virtio 1.2
 *
 * Names and values as in the specification, so that the system's own
 * <linux/virtio_*.h> must not be included beside this (macOS has none).
 * Everything in guest memory is little-endian; so are the hosts we run on.
 */

#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "virtio 1 is little-endian and nothing here swaps bytes");

#define VIRTIO_BIT(n)	(1ULL << (n))

/* Device IDs: chapter 5. */
enum {
	VIRTIO_ID_NET		= 1,
	VIRTIO_ID_BLOCK		= 2,
	VIRTIO_ID_CONSOLE	= 3,
	VIRTIO_ID_RNG		= 4,
	VIRTIO_ID_BALLOON	= 5,
	VIRTIO_ID_SCSI		= 8,
	VIRTIO_ID_VSOCK		= 19,
	VIRTIO_ID_FS		= 26,
};

/* Device status: section 2.1. */
enum {
	VIRTIO_STATUS_ACKNOWLEDGE	= 1,
	VIRTIO_STATUS_DRIVER		= 2,
	VIRTIO_STATUS_DRIVER_OK		= 4,
	VIRTIO_STATUS_FEATURES_OK	= 8,
	VIRTIO_STATUS_NEEDS_RESET	= 64,
	VIRTIO_STATUS_FAILED		= 128,
};

/* Feature bit numbers of every device: chapter 6. */
enum {
	VIRTIO_F_INDIRECT_DESC		= 28,
	VIRTIO_F_EVENT_IDX		= 29,
	VIRTIO_F_VERSION_1		= 32,
	VIRTIO_F_ACCESS_PLATFORM	= 33,
	VIRTIO_F_RING_PACKED		= 34,
	VIRTIO_F_IN_ORDER		= 35,
	VIRTIO_F_RING_RESET		= 40,
};

/* Split virtqueue: section 2.7. */
enum {
	VIRTQ_DESC_F_NEXT	= 1,
	VIRTQ_DESC_F_WRITE	= 2,	/* the device writes */
	VIRTQ_DESC_F_INDIRECT	= 4,
};
enum { VIRTQ_AVAIL_F_NO_INTERRUPT = 1 };
enum { VIRTQ_USED_F_NO_NOTIFY = 1 };

struct virtq_desc {
	uint64_t	addr;		/* guest physical */
	uint32_t	len;
	uint16_t	flags;
	uint16_t	next;
};

struct virtq_avail {
	uint16_t	flags;
	uint16_t	idx;
	uint16_t	ring[];		/* queue length, then used_event */
};

struct virtq_used_elem {
	uint32_t	id;
	uint32_t	len;		/* bytes written */
};

struct virtq_used {
	uint16_t		flags;
	uint16_t		idx;
	struct virtq_used_elem	ring[];	/* then avail_event, 16 bits */
};

/* Bytes of the three parts for a queue of n descriptors, events included. */
#define VIRTQ_DESC_BYTES(n)	((uint64_t)(n) * 16)
#define VIRTQ_AVAIL_BYTES(n)	(6 + (uint64_t)(n) * 2)
#define VIRTQ_USED_BYTES(n)	(6 + (uint64_t)(n) * 8)

/* --- block device: section 5.2 ------------------------------------------- */

enum {
	VIRTIO_BLK_F_SIZE_MAX		= 1,
	VIRTIO_BLK_F_SEG_MAX		= 2,
	VIRTIO_BLK_F_GEOMETRY		= 4,
	VIRTIO_BLK_F_RO			= 5,
	VIRTIO_BLK_F_BLK_SIZE		= 6,
	VIRTIO_BLK_F_FLUSH		= 9,
	VIRTIO_BLK_F_TOPOLOGY		= 10,
	VIRTIO_BLK_F_CONFIG_WCE		= 11,
	VIRTIO_BLK_F_MQ			= 12,
	VIRTIO_BLK_F_DISCARD		= 13,
	VIRTIO_BLK_F_WRITE_ZEROES	= 14,
};

enum {
	VIRTIO_BLK_T_IN			= 0,
	VIRTIO_BLK_T_OUT		= 1,
	VIRTIO_BLK_T_FLUSH		= 4,
	VIRTIO_BLK_T_GET_ID		= 8,
	VIRTIO_BLK_T_DISCARD		= 11,
	VIRTIO_BLK_T_WRITE_ZEROES	= 13,
};

enum {
	VIRTIO_BLK_S_OK		= 0,
	VIRTIO_BLK_S_IOERR	= 1,
	VIRTIO_BLK_S_UNSUPP	= 2,
};

#define VIRTIO_BLK_SECTOR	512	/* bytes; the unit of every address */
#define VIRTIO_BLK_ID_BYTES	20

struct virtio_blk_req {			/* then data, then a status byte */
	uint32_t	type;
	uint32_t	reserved;
	uint64_t	sector;
};

enum { VIRTIO_BLK_WRITE_ZEROES_F_UNMAP = 1 };

struct virtio_blk_range {		/* discard and write zeroes */
	uint64_t	sector;
	uint32_t	nsectors;
	uint32_t	flags;
};

struct virtio_blk_config {
	uint64_t	capacity;	/* sectors */
	uint32_t	size_max;
	uint32_t	seg_max;
	uint16_t	cylinders;
	uint8_t		heads;
	uint8_t		sectors;
	uint32_t	blk_size;	/* bytes */
	uint8_t		physical_block_exp;
	uint8_t		alignment_offset;
	uint16_t	min_io_size;	/* blocks */
	uint32_t	opt_io_size;	/* blocks */
	uint8_t		writeback;
	uint8_t		unused0;
	uint16_t	num_queues;
	uint32_t	max_discard_sectors;
	uint32_t	max_discard_seg;
	uint32_t	discard_sector_alignment;
	uint32_t	max_write_zeroes_sectors;
	uint32_t	max_write_zeroes_seg;
	uint8_t		write_zeroes_may_unmap;
	uint8_t		unused1[3];
};
_Static_assert(sizeof(struct virtio_blk_config) == 64, "layout");

/* --- network device: section 5.1 ----------------------------------------- */

enum {
	VIRTIO_NET_F_CSUM		= 0,
	VIRTIO_NET_F_GUEST_CSUM		= 1,
	VIRTIO_NET_F_MTU		= 3,
	VIRTIO_NET_F_MAC		= 5,
	VIRTIO_NET_F_GUEST_TSO4		= 7,
	VIRTIO_NET_F_GUEST_TSO6		= 8,
	VIRTIO_NET_F_GUEST_ECN		= 9,
	VIRTIO_NET_F_GUEST_UFO		= 10,
	VIRTIO_NET_F_HOST_TSO4		= 11,
	VIRTIO_NET_F_HOST_TSO6		= 12,
	VIRTIO_NET_F_HOST_ECN		= 13,
	VIRTIO_NET_F_HOST_UFO		= 14,
	VIRTIO_NET_F_MRG_RXBUF		= 15,
	VIRTIO_NET_F_STATUS		= 16,
	VIRTIO_NET_F_CTRL_VQ		= 17,
	VIRTIO_NET_F_CTRL_RX		= 18,
	VIRTIO_NET_F_CTRL_VLAN		= 19,
	VIRTIO_NET_F_CTRL_RX_EXTRA	= 20,
	VIRTIO_NET_F_GUEST_ANNOUNCE	= 21,
	VIRTIO_NET_F_MQ			= 22,
	VIRTIO_NET_F_CTRL_MAC_ADDR	= 23,
};

enum { VIRTIO_NET_S_LINK_UP = 1 };

struct virtio_net_config {
	uint8_t		mac[6];
	uint16_t	status;
	uint16_t	max_virtqueue_pairs;
	uint16_t	mtu;
};

enum {
	VIRTIO_NET_HDR_F_NEEDS_CSUM	= 1,
	VIRTIO_NET_HDR_F_DATA_VALID	= 2,
};

enum {
	VIRTIO_NET_HDR_GSO_NONE		= 0,
	VIRTIO_NET_HDR_GSO_TCPV4	= 1,
	VIRTIO_NET_HDR_GSO_UDP		= 3,
	VIRTIO_NET_HDR_GSO_TCPV6	= 4,
	VIRTIO_NET_HDR_GSO_ECN		= 0x80,
};

struct virtio_net_hdr {
	uint8_t		flags;
	uint8_t		gso_type;
	uint16_t	hdr_len;
	uint16_t	gso_size;
	uint16_t	csum_start;
	uint16_t	csum_offset;
	uint16_t	num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr) == 12, "layout");

/* --- console device: section 5.3 ----------------------------------------- */

enum {
	VIRTIO_CONSOLE_F_SIZE		= 0,
	VIRTIO_CONSOLE_F_MULTIPORT	= 1,
	VIRTIO_CONSOLE_F_EMERG_WRITE	= 2,
};

struct virtio_console_config {
	uint16_t	cols;
	uint16_t	rows;
	uint32_t	max_nr_ports;
	uint32_t	emerg_wr;
};

/* --- memory balloon device: section 5.5 ---------------------------------- */

enum {
	VIRTIO_BALLOON_F_MUST_TELL_HOST	= 0,
	VIRTIO_BALLOON_F_STATS_VQ	= 1,
	VIRTIO_BALLOON_F_DEFLATE_ON_OOM	= 2,
	VIRTIO_BALLOON_F_FREE_PAGE_HINT	= 3,
	VIRTIO_BALLOON_F_PAGE_POISON	= 4,
	VIRTIO_BALLOON_F_PAGE_REPORTING	= 5,
};

#define VIRTIO_BALLOON_PAGE	4096	/* bytes, whatever the guest's is */

struct virtio_balloon_config {
	uint32_t	num_pages;	/* wanted in the balloon */
	uint32_t	actual;		/* are in it, the driver says */
};

/* What the driver tells in the statistics queue. */
enum {
	VIRTIO_BALLOON_S_SWAP_IN	= 0,	/* bytes */
	VIRTIO_BALLOON_S_SWAP_OUT	= 1,	/* bytes */
	VIRTIO_BALLOON_S_MAJFLT		= 2,
	VIRTIO_BALLOON_S_MINFLT		= 3,
	VIRTIO_BALLOON_S_MEMFREE	= 4,	/* bytes */
	VIRTIO_BALLOON_S_MEMTOT		= 5,	/* bytes */
	VIRTIO_BALLOON_S_AVAIL		= 6,	/* bytes */
	VIRTIO_BALLOON_S_CACHES		= 7,	/* bytes */
	VIRTIO_BALLOON_S_HTLB_PGALLOC	= 8,
	VIRTIO_BALLOON_S_HTLB_PGFAIL	= 9,
	VIRTIO_BALLOON_S_MAX
};

struct virtio_balloon_stat {
	uint16_t	tag;
	uint64_t	val;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_balloon_stat) == 10, "layout");

/* --- SCSI host device: section 5.6 --------------------------------------- */

#define VIRTIO_SCSI_CDB_BYTES	32	/* unless a driver changed them, */
#define VIRTIO_SCSI_SENSE_BYTES	96	/* which ours may not */
#define VIRTIO_SCSI_EVENT_BYTES	16

enum {
	VIRTIO_SCSI_T_TMF		= 0,	/* of the control queue */
	VIRTIO_SCSI_T_AN_QUERY		= 1,
	VIRTIO_SCSI_T_AN_SUBSCRIBE	= 2,
};

enum {
	VIRTIO_SCSI_S_OK		= 0,
	VIRTIO_SCSI_S_OVERRUN		= 1,
	VIRTIO_SCSI_S_BAD_TARGET	= 3,
};

struct virtio_scsi_req_cmd {
	uint8_t		lun[8];
	uint64_t	id;
	uint8_t		task_attr;
	uint8_t		prio;
	uint8_t		crn;
	uint8_t		cdb[VIRTIO_SCSI_CDB_BYTES];
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_scsi_req_cmd) == 51, "layout");

struct virtio_scsi_resp_cmd {		/* then data */
	uint32_t	sense_len;
	uint32_t	residual;	/* bytes that were not transferred */
	uint16_t	status_qualifier;
	uint8_t		status;
	uint8_t		response;
	uint8_t		sense[VIRTIO_SCSI_SENSE_BYTES];
};
_Static_assert(sizeof(struct virtio_scsi_resp_cmd) == 108, "layout");

struct virtio_scsi_ctrl_tmf {		/* answered by a byte */
	uint32_t	type;
	uint32_t	subtype;
	uint8_t		lun[8];
	uint64_t	id;
};

struct virtio_scsi_ctrl_an {		/* by 32 bits of events and a byte */
	uint32_t	type;
	uint8_t		lun[8];
	uint32_t	event_requested;
};

struct virtio_scsi_config {
	uint32_t	num_queues;	/* of requests */
	uint32_t	seg_max;
	uint32_t	max_sectors;	/* of 512 bytes, of a request */
	uint32_t	cmd_per_lun;
	uint32_t	event_info_size;
	uint32_t	sense_size;
	uint32_t	cdb_size;
	uint16_t	max_channel;
	uint16_t	max_target;
	uint32_t	max_lun;
};
_Static_assert(sizeof(struct virtio_scsi_config) == 36, "layout");

/* --- socket device: section 5.10 ----------------------------------------- */

enum {
	VIRTIO_VSOCK_F_STREAM		= 0,
	VIRTIO_VSOCK_F_SEQPACKET	= 1,
};

enum { VIRTIO_VSOCK_TYPE_STREAM = 1, VIRTIO_VSOCK_TYPE_SEQPACKET = 2 };

enum {
	VIRTIO_VSOCK_OP_INVALID		= 0,
	VIRTIO_VSOCK_OP_REQUEST		= 1,
	VIRTIO_VSOCK_OP_RESPONSE	= 2,
	VIRTIO_VSOCK_OP_RST		= 3,
	VIRTIO_VSOCK_OP_SHUTDOWN	= 4,
	VIRTIO_VSOCK_OP_RW		= 5,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE	= 6,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST	= 7,
};

enum {
	VIRTIO_VSOCK_SHUTDOWN_RCV	= 1,
	VIRTIO_VSOCK_SHUTDOWN_SEND	= 2,
};

enum { VIRTIO_VSOCK_CID_HOST = 2 };

struct virtio_vsock_hdr {
	uint64_t	src_cid;
	uint64_t	dst_cid;
	uint32_t	src_port;
	uint32_t	dst_port;
	uint32_t	len;
	uint16_t	type;
	uint16_t	op;
	uint32_t	flags;
	uint32_t	buf_alloc;
	uint32_t	fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_vsock_hdr) == 44, "layout");

struct virtio_vsock_config {
	uint64_t	guest_cid;
};

/* On the event queue: connections are gone, the CID may be another. */
enum { VIRTIO_VSOCK_EVENT_TRANSPORT_RESET = 0 };

struct virtio_vsock_event {
	uint32_t	id;
};

/* --- file system device: section 5.11 ------------------------------------ */

struct virtio_fs_config {
	uint8_t		tag[36];	/* padded with NUL, without an end */
	uint32_t	num_request_queues;
};
_Static_assert(sizeof(struct virtio_fs_config) == 40, "layout");

#endif
