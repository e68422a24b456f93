/* SPDX-License-Identifier: ISC */
/*
 * vio.h - a virtio device of the board, whoever does its work
 *
 * A class is a table: rng, console and balloon do their work in this
 * process, on the main thread; vhost hands its queues to a device process.
 * The transport (vio_pci.c) does status, features, queue set-up, kicks and
 * interrupts, so that a class sees only queues that are set up and requests
 * that are checked.
 *
 * Source: virtio 1.2, chapters 2 to 4.
 */

#ifndef VMM_VIO_H
#define VMM_VIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/own.h"
#include "os/event.h"
#include "os/os.h"
#include "virtio/virtio.h"
#include "virtio/virtq.h"

#define VIO_QUEUES_MAX	40		/* a net with 16 pairs and control */
#define VIO_NAME_MAX	32		/* bytes of a device's name, "disk0" */
#define VIO_CONFIG_MAX	4096		/* bytes of config space */
#define VIO_BUDGET	256		/* chains a kick may pop */

/* What queues of this process know, for 'offered'. */
#define VIO_FEATURES	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |		\
			VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |		\
			VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |		\
			VIRTIO_BIT(VIRTIO_F_RING_RESET))

struct board;
struct pci_device;
struct vio;
struct vio_pci;

struct vio_class {
	const char	*name;
	unsigned	 id;		/* VIRTIO_ID_ */
	uint32_t	 pci_class;	/* 24 bits */
	/*
	 * A device that only drivers older than virtio 1.0 know, by these
	 * numbers; NULL: by those of 'id' and 'pci_class'.
	 */
	const struct pci_identity *old;

	/*
	 * Config space; offset + len lies within vio->config_len.  NULL:
	 * there is none; nothing in it can be written.
	 */
	void	(*config_read)(struct vio *, unsigned offset, void *to,
		    unsigned len);
	void	(*config_write)(struct vio *, unsigned offset,
		    const void *from, unsigned len);

	/*
	 * DRIVER_OK: queues that are 'enabled' may be used from now on.  -1
	 * marks the device broken.  stop ends the use of all queues and
	 * leaves each queue's 'base' at the next chain to pop; it is called
	 * for a reset (status is 0 then), a pause for a snapshot, and
	 * removal.  Events are the main thread's; start and stop may be on
	 * a vCPU's: they leave the event loop alone.  NULL where
	 * there is nothing to do: of classes with kick, vio.c sets up the
	 * queues and their bases.
	 */
	int	(*start)(struct vio *, struct err *);
	void	(*stop)(struct vio *);

	/*
	 * VIRTIO_F_RING_RESET: the driver takes queue n back while the
	 * device runs, and may use it again, set up anew.  stop_queue:
	 * nothing is in it when this returns, and nothing is remembered of
	 * it.  -1 marks the device broken.  NULL where there is nothing to
	 * do.
	 */
	int	(*start_queue)(struct vio *, unsigned n, struct err *);
	void	(*stop_queue)(struct vio *, unsigned n);

	/*
	 * The driver begins anew: nothing of what it set holds.  Not while
	 * running; NULL where there is nothing to forget.
	 */
	void	(*reset)(struct vio *);

	/*
	 * Queue q was kicked; main thread, board locked.  NULL: kicks go to
	 * another process.
	 */
	void	(*kick)(struct vio *, unsigned q);

	/*
	 * The memory has a log from now on, or no more: tell the process that
	 * writes to it.  -1: it cannot.  NULL: this process does the writing,
	 * through virtq.h.
	 */
	int	(*log)(struct vio *, struct err *);

	/* Why it cannot be in a snapshot; NULL: it can. */
	const char	*unsaved;

	/* State beside the transport's; NULL: there is none. */
	json_t	*(*save)(struct vio *);
	int	(*load)(struct vio *, const json_t *, struct err *);
	void	(*destroy)(struct vio *);
};

struct vio_queue {
	uint16_t		 len_max;	/* 0: the queue is not there */
	uint16_t		 len;		/* what the driver chose */
	bool			 enabled;
	struct virtq_addr	 addr;		/* guest physical */
	uint16_t		 base;		/* see stop */
	uint16_t		 vector;	/* MSI-X, or PCI_NO_VECTOR */
	struct vio		*vio;
	struct os_notify	 kick;		/* the vio's */
	struct os_notify	 call;		/* NONE: of this process */
	struct virtq		*virtq;		/* of this process only, */
	struct event_watch	 kicked;	/* and this */
	struct event_watch	 called;	/* others, with INTx */
};

struct vio {
	const struct vio_class	*class;
	struct board		*board;
	char			 name[VIO_NAME_MAX + 1];
	bool			 transitional;	/* old drivers work too */
	uint64_t		 offered;	/* features */
	uint64_t		 accepted;
	uint8_t			 status;
	unsigned		 config_len;	/* bytes */
	unsigned		 nqueues;
	struct vio_queue	 queue[VIO_QUEUES_MAX];
	uint8_t			 isr;		/* for INTx */
	bool			 legacy;	/* an old driver drives it */
	bool			 running;	/* start worked, stop not yet */
	const char		*broken;	/* why, or NULL */

	/* The transport's registers: vio_pci.c. */
	struct pci_device	*pci;
	struct vio_pci		*transport;
	uint32_t		 device_feature_select;
	uint32_t		 driver_feature_select;
	uint16_t		 queue_select;
	uint16_t		 config_vector;	/* or PCI_NO_VECTOR */
	uint8_t			 generation;	/* of the config space */

	unsigned		 budget;	/* chains that may be popped */
	struct os_notify	 chores;	/* of the main thread */
	struct event_watch	 chored;
	bool			 watching;	/* calls, for INTx */
	struct log_limit	 complaints;
};

/*
 * Make what a class's own struct begins with.  The class then sets offered,
 * config_len, nqueues and each queue's len_max, and its maker calls
 * vio_plug().  class->destroy() calls vio_fini() and frees; it is for
 * devices that are not plugged.
 */
int	vio_init(struct vio *, const struct vio_class *, struct board *,
	    const char *name, struct err *);
void	vio_fini(struct vio *);

/*
 * Put it on the PCI bus (slot -1: any), or take it off and destroy it.  A
 * device that was not plugged stays the caller's.
 */
int	vio_plug(struct vio *, int slot, struct err *);
void	vio_unplug(struct vio *);

/* --- for classes that work in this process ------------------------------ */

/*
 * A chain to work on, or false: there is none, the queue broke (and the
 * device with it), or the budget is spent (the queue is kicked again
 * later).  Chains are pushed or put back before the class returns.
 */
bool	vio_pop(struct vio *, unsigned q, struct virtq_chain *);
void	vio_unpop(struct vio *, unsigned q, const struct virtq_chain *);
void	vio_push(struct vio *, unsigned q, const struct virtq_chain *,
	    uint32_t written);
/* Show the guest what was pushed; interrupt it if it wants that. */
void	vio_flush(struct vio *, unsigned q);
/* Ask for a kick at the next chain.  True: it is there, look again. */
bool	vio_again(struct vio *, unsigned q);
/* What a chain costs beyond one of the budget. */
void	vio_spend(struct vio *, unsigned);

/* As if the guest had kicked queue q; nothing if it does not run. */
void	vio_kick(struct vio *, unsigned q);

/* --- for all ------------------------------------------------------------ */

/* Interrupt for queue q, or for a change of the config space. */
void	vio_interrupt(struct vio *, unsigned q);
void	vio_config_changed(struct vio *);

/*
 * The guest broke the rules (why: a static string): the device stops and
 * asks to be reset.  Logged within a budget.  Nothing is popped any more;
 * class->stop() is called when the driver resets it.
 */
void	vio_broken(struct vio *, const char *why);

/*
 * The transport's state and the class's; the board and the device are
 * paused.  load is for a device as vio_plug() left it; vio_resume() then
 * goes on where it was.  The caller owns the state; NULL: out of memory.
 */
json_t	*vio_save(struct vio *);
int	 vio_load(struct vio *, const json_t *, struct err *);

/* As after power on. */
void	vio_reset(struct vio *);

/*
 * Pause for a snapshot: stop what runs, vCPUs first; start it again.  What
 * the guest asked for meanwhile is done then.
 */
void	vio_pause(struct vio *);
int	vio_resume(struct vio *, struct err *);

#endif
