/* SPDX-License-Identifier: ISC */
/* vmm_vio.c - virtio's rules, as a driver meets them; the rng as its device */

#include "unit.h"
#include "vmm_kit.h"
#include "vmm/dev/rng.h"

#define GOOD	(VIRTIO_BIT(VIRTIO_F_VERSION_1) |			\
		VIRTIO_BIT(VIRTIO_F_EVENT_IDX))

static struct vio *
rng_add(struct kit *k)
{
	struct vio *vio;

	assert_int_equal(rng_new(&vio, &k->board, "rng0", NULL), 0);
	return vio;
}

/* A driver that got as far as DRIVER_OK. */
static void
drive(struct kit_driver *d, struct kit *k, bool msix)
{
	kit_driver_init(d, k, 1, msix);
	assert_int_equal(kit_driver_features(d, GOOD), 11);
	kit_driver_queue(d, 0, 16);
	kit_driver_ok(d);
	assert_int_equal(kit_common(d, 0x14, 1), 15);
}

static void
ask(struct kit_driver *d, uint32_t len)
{
	struct virtq_buf b = { kit_alloc(d, len), len };
	uint32_t written;
	void *cookie;
	uint8_t *mem = memory_at(d->k->board.memory, b.gpa, len);
	unsigned zeroes = 0;

	memset(mem, 0, len);
	assert_true(virtq_driver_add(&d->q[0], &b, 0, 1, mem));
	(void)virtq_driver_wait(&d->q[0]);
	kit_kick(d, 0);
	assert_true(virtq_driver_get(&d->q[0], &cookie, &written));
	assert_ptr_equal(cookie, mem);
	assert_int_equal(written, len);
	for (uint32_t i = 0; i < len; i++)
		zeroes += mem[i] == 0;
	assert_in_range(zeroes, 0, len / 8);
}

static void
rng(void **state)
{
	struct kit_driver d;
	struct vio *vio;
	struct kit k;

	(void)state;
	for (int msi = 0; msi < 2; msi++) {
		kit_init(&k);
		vio = rng_add(&k);
		assert_int_equal(kit_config(&k, 1, 0, 4), 0x10441af4);
		drive(&d, &k, msi);
		assert_int_equal(k.vm.nioevents, 1);
		assert_int_equal(k.vm.ioevent[0].addr, d.notify);
		for (unsigned i = 1; i <= 20; i++) {
			ask(&d, 256);
			if (msi) {
				assert_int_equal(kit_sent(&k), i);
				assert_int_equal(k.vm.sent[0].data, 0x21);
				continue;
			}
			assert_int_equal(k.vm.level[pci_intx_gsi(1)], 1);
			assert_int_equal(kit_read(&k, d.isr, 1), 1);
			assert_int_equal(k.vm.level[pci_intx_gsi(1)], 0);
			assert_int_equal(kit_read(&k, d.isr, 1), 0);
		}
		assert_null(vio->broken);
		vio_unplug(vio);
		kit_fini(&k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rng),
	};

	return unit_run("vmm_vio", tests);
}
