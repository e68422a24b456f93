/* SPDX-License-Identifier: ISC */
/* vm_config_words.h - the words of VmConfig's enums, NULL at the end */

#ifndef CHAPI_VM_CONFIG_WORDS_H
#define CHAPI_VM_CONFIG_WORDS_H

extern const char *const vm_stream_modes[];	/* enum vm_stream_mode */
extern const char *const vm_cpus[];		/* enum vm_cpu */
extern const char *const vm_irqchips[];		/* enum vm_irqchip */
extern const char *const vm_virtios[];		/* enum vm_virtio */
extern const char *const vm_syncs[];		/* enum vm_sync */
extern const char *const vm_boots[];		/* enum vm_boot */

#endif
