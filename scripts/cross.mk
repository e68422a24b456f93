# Programs for the other processor, made here.
#
#	make arm64	into build/arm64/bin
#
# What these find at their start, where they are not static, is in the sysroot.

CROSS_O		= build/arm64
CROSS_ROOT	= $(CROSS_O)/sysroot
CROSS_CC	= aarch64-linux-gnu-gcc
CROSS_PC	= env PKG_CONFIG_SYSROOT_DIR=$(CROSS_ROOT) \
		  PKG_CONFIG_LIBDIR=$(CROSS_ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig \
		  pkg-config

$(CROSS_ROOT)/complete: scripts/cross-sysroot scripts/guest-fetch
	VMD_CACHE=$(VMD_CACHE) scripts/cross-sysroot aarch64 $(CROSS_ROOT)

# And vmm on a double of Hypervisor.framework, and what tests that.
arm64: arm64-hvf
arm64-hvf: $(CROSS_ROOT)/complete
	@$(MAKE) --no-print-directory HOST_ARCH=aarch64 O=$(CROSS_O) \
	    SYSROOT=$(CROSS_ROOT) CC="$(CROSS_CC)" AR=aarch64-linux-gnu-ar \
	    RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	    PKG_CONFIG="$(CROSS_PC)" $(CROSS_O)/tests/double/vmm-hvf \
	    $(CROSS_O)/tests/double/hv-contract
.PHONY: arm64-hvf

arm64: $(CROSS_ROOT)/complete
	@$(MAKE) --no-print-directory HOST_ARCH=aarch64 O=$(CROSS_O) \
	    SYSROOT=$(CROSS_ROOT) CC="$(CROSS_CC)" AR=aarch64-linux-gnu-ar \
	    RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	    PKG_CONFIG="$(CROSS_PC)" programs

.PHONY: arm64
