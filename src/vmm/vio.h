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
#include "lib/own.h"
#include "virtio/virtio.h"
#include "virtio/virtq.h"

#define VIO_QUEUES_MAX	40		/* a net with 16 pairs and control */

struct board;
struct event;
struct pci_device;
struct vio;

struct vio_class {
	const char	*name;
	unsigned	 id;		/* VIRTIO_ID_ */
	uint32_t	 pci_class;	/* 24 bits */

	/* Config space; offset + len lies within vio->config_len. */
	void	(*config_read)(struct vio *, unsigned offset, void *to,
		    unsigned len);
	void	(*config_write)(struct vio *, unsigned offset,
		    const void *from, unsigned len);

	/*
	 * DRIVER_OK: queues that are 'enabled' may be used from now on.  -1
	 * marks the device broken.  stop ends the use of all queues and
	 * leaves each queue's 'base' at the next chain to pop; it is called
	 * for a reset, a pause for a snapshot, and removal.
	 */
	int	(*start)(struct vio *, struct err *);
	void	(*stop)(struct vio *);

	/*
	 * Queue q was kicked; main thread, board locked.  NULL: kicks go to
	 * another process.
	 */
	void	(*kick)(struct vio *, unsigned q);

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
	uint16_t		 vector;	/* MSI-X, or 0xffff */
	int			 kick;		/* eventfds, the vio's */
	int			 call;
	struct virtq		*virtq;		/* in-process classes only */
	struct event		*event;		/* on kick */
};

struct vio {
	const struct vio_class	*class;
	struct board		*board;
	char			 name[33];	/* "disk0" */
	uint64_t		 offered;	/* features */
	uint64_t		 accepted;
	uint8_t			 status;
	unsigned		 config_len;	/* bytes */
	unsigned		 nqueues;
	struct vio_queue	 queue[VIO_QUEUES_MAX];
	struct pci_device	*pci;		/* set by vio_pci.c */
	uint8_t			 isr;		/* for INTx */
	bool			 running;	/* start worked, stop not yet */
	const char		*broken;	/* why, or NULL */
};

/*
 * Make what a class's own struct begins with.  The class then sets offered,
 * config_len, nqueues and each queue's len_max, and calls vio_plug().
 */
int	vio_init(struct vio *, const struct vio_class *, struct board *,
	    const char *name, struct err *);
void	vio_fini(struct vio *);

/* Put it on the PCI bus (slot -1: any), or take it off and destroy it. */
int	vio_plug(struct vio *, int slot, struct err *);
void	vio_unplug(struct vio *);

/* --- for classes that work in this process ------------------------------- */

bool	vio_pop(struct vio *, unsigned q, struct virtq_chain *);
void	vio_push(struct vio *, unsigned q, const struct virtq_chain *,
	    uint32_t written);
/* Show the guest what was pushed; interrupt it if it wants that. */
void	vio_flush(struct vio *, unsigned q);

/* --- for all -------------------------------------------------------------- */

/* Interrupt for queue q, or for a change of the config space. */
void	vio_interrupt(struct vio *, unsigned q);
void	vio_config_changed(struct vio *);

/*
 * The guest broke the rules (why: a static string): the device stops and
 * asks to be reset.  Logged within a budget.
 */
void	vio_broken(struct vio *, const char *why);

/* The transport's state and the class's; the board is paused. */
json_t	*vio_save(struct vio *);
int	 vio_load(struct vio *, const json_t *, struct err *);

/* As after power on. */
void	vio_reset(struct vio *);

/* Pause for a snapshot: stop what runs; start it again. */
void	vio_pause(struct vio *);
int	vio_resume(struct vio *, struct err *);

#endif
