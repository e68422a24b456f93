# What runs inside a VM: vminit (musl, static) and the guest kernel.
#
#	make guest		for this machine's architecture
#	make guest-aarch64	for one of GUEST_ARCHS
#	make guest-all		for all of them
#	make kernel		the guest kernel of our own, into .../own
#
# Into build/share/guest/ARCH: vmlinux, initrd, cmdline, version.  Debian's
# kernel is fetched at the first build only; packages stay in VMD_CACHE.

GUEST_ARCHS	= x86_64 aarch64
GUEST_ARCH	:= $(shell uname -m)
GUEST_O		= build/guest
GUEST_SHARE	= build/share/guest
VMD_CACHE	?= build/cache

# vminit is its own files and these layers', built once more for the guest.
vminit_FILES	= $(patsubst %,src/guest/%.c,main $(guest_FILES)) \
		  src/agent/entry.c src/agent/frame.c \
		  $(patsubst %,src/lib/%.c,buf err io log num)
vminit_CFLAGS	= -O2 $(filter-out -Werror,$(WARN)) -Werror \
		  -fstack-protector-strong -ffunction-sections -fdata-sections -static

define guest_rules
guest-$(1): $(GUEST_SHARE)/$(1)/initrd

$(GUEST_O)/$(1)/%.o: src/%.c $(GUEST_O)/$(1)/cc
	@mkdir -p $$(@D)
	$$(call say,CC)$(GUEST_O)/$(1)/cc $(CPPFLAGS) $(vminit_CFLAGS) \
	    -MMD -MP -c -o $$@ $$<
$(GUEST_O)/$(1)/vminit: $(patsubst src/%.c,$(GUEST_O)/$(1)/%.o,$(vminit_FILES))
	$$(call say,LINK)$(GUEST_O)/$(1)/cc -static -s -Wl,--gc-sections -o $$@ $$^
$(GUEST_O)/$(1)/cc: scripts/guest-cc scripts/guest-fetch
	$$(call say,GUEST)VMD_CACHE=$(VMD_CACHE) scripts/guest-cc $(1) $(GUEST_O)/$(1)
$(GUEST_O)/$(1)/kernel/version: scripts/guest-kernel scripts/guest-fetch \
    scripts/guest-trim
	$$(call say,GUEST)VMD_CACHE=$(VMD_CACHE) scripts/guest-kernel $(1) $(GUEST_O)/$(1)/kernel
$(GUEST_SHARE)/$(1)/initrd: scripts/guest-initrd $(GUEST_O)/$(1)/kernel/version $(GUEST_O)/$(1)/vminit
	$$(call say,GUEST)scripts/guest-initrd $(GUEST_O)/$(1)/vminit $(GUEST_O)/$(1)/kernel $(GUEST_SHARE)/$(1)
endef
$(foreach a,$(GUEST_ARCHS),$(eval $(call guest_rules,$(a))))

# Half an hour of one CPU, once; nothing else asks for it.  Where it has been
# built, its initrd follows vminit as Debian's does.
OWN		= $(GUEST_SHARE)/x86_64/own

kernel:
	@scripts/deps kernel
	@$(MAKE) --no-print-directory -s $(OWN)/vmlinux
$(OWN)/vmlinux: etc/kernel/x86_64.fragment etc/kernel/x86_64.cmdline \
    scripts/guest-own-kernel scripts/guest-trim | $(GUEST_O)/x86_64/vminit
	$(call say,GUEST)VMD_CACHE=$(VMD_CACHE) scripts/guest-own-kernel x86_64 \
	    etc/kernel/x86_64.fragment $(GUEST_SHARE)/x86_64
$(GUEST_O)/x86_64/own-initrd: scripts/guest-initrd $(GUEST_O)/x86_64/vminit
	$(call say,GUEST)scripts/guest-initrd $(GUEST_O)/x86_64/vminit $(OWN) $(OWN)
	@touch $@
guest-x86_64: $(if $(wildcard $(OWN)/vmlinux),$(GUEST_O)/x86_64/own-initrd)

guest: guest-$(GUEST_ARCH)
guest-all: $(patsubst %,guest-%,$(GUEST_ARCHS))

.PHONY: guest guest-all kernel $(patsubst %,guest-%,$(GUEST_ARCHS))

-include $(shell find $(GUEST_O) -name '*.d' 2>/dev/null)
