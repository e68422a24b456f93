# Programs for macOS, made here.
#
#	make darwin	all of them, into build/darwin-arm64/bin and
#			build/darwin-x86_64/bin
#
# clang and lld, with the system that scripts/darwin-sdk puts together.  What
# Linux alone has is on no list here: taps, KVM, namespaces.  They are not
# signed with entitlements: that is done on the Mac (docs/macos.md).

DARWIN_SDK	= $(VMD_CACHE)/darwin-sdk
DARWIN_MIN	= 13.0
DARWIN_ARCHS	= arm64 x86_64

$(DARWIN_SDK)/complete: scripts/darwin-sdk $(wildcard etc/darwin/*.tbd)
	VMD_CACHE=$(VMD_CACHE) scripts/darwin-sdk $(DARWIN_SDK)

# $(call darwin_make,ARCH): the programs of a processor.
darwin_make	= $(MAKE) --no-print-directory O=build/darwin-$(1) \
		  HOST_OS=Darwin HOST_ARCH=$(1) \
		  CC="$(filter ccache,$(CC)) clang \
		  --target=$(1)-apple-macos$(DARWIN_MIN) \
		  -isysroot $(DARWIN_SDK)/$(1) -fuse-ld=lld \
		  -Wno-unused-command-line-argument" AR=llvm-ar \
		  PKG_CONFIG="env PKG_CONFIG_LIBDIR=$(abspath \
		  $(DARWIN_SDK))/$(1)/brew/lib/pkgconfig pkg-config" \
		  OPT=-O2 LDFLAGS="$(LD_Darwin) -Wl,-adhoc_codesign" \
		  programs

define darwin_rules
darwin-$(1): $(DARWIN_SDK)/complete
	+@$$(call darwin_make,$(1))
endef
$(foreach a,$(DARWIN_ARCHS),$(eval $(call darwin_rules,$(a))))

darwin: $(patsubst %,darwin-%,$(DARWIN_ARCHS))

# On a Mac: say in the programs' signatures what they are to be allowed, last
# of all, and try what could be tried nowhere else.
sign: programs
	for p in $(BINARIES); do \
		e=etc/darwin/$${p##*/}.entitlements; \
		codesign -s - -f $$([ ! -f $$e ] || echo --entitlements $$e) \
		    $$p || exit 1; \
	done
macos-smoke: sign
	@BUILD=$(O) scripts/macos-smoke

.PHONY: darwin sign macos-smoke $(patsubst %,darwin-%,$(DARWIN_ARCHS))
