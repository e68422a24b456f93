# Rules behind the lists of the Makefile.

# SAN=1: address and undefined-behaviour sanitizers, in a tree of their own.
ifdef SAN
O		= build/san
SANFLAGS	= -fsanitize=address,undefined -fno-sanitize-recover=all
else
O		= build
SANFLAGS	=
endif

# The tree of what clang builds for fuzzing.
FO		= build/fuzz

CC		= gcc
AR		= ar
# Runs what was built, where that is another processor's.
RUN		=
PKG_CONFIG	= pkg-config
# Without tables to unwind by in the programs: -g has them for debuggers.
OPT		= -O2 -g $(if $(filter Linux,$(HOST_OS)),\
		  -fno-asynchronous-unwind-tables)
WARN		= -Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings \
		  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
		  -Wimplicit-fallthrough -Wformat=2 -Werror
HARDEN		= -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
# What only a linker of macOS or of ELF knows.
LD_Linux	= $(if $(SAN),,-pie -Wl,-z,relro,-z,now) \
		  -Wl,--as-needed -Wl,--gc-sections \
		  $(if $(SYSROOT),-L$(SYSROOT)/usr/lib/$(HOST_ARCH)-linux-gnu \
		  $(foreach d,lib usr/lib,\
		  -Wl,-rpath-link,$(SYSROOT)/$(d)/$(HOST_ARCH)-linux-gnu),\
		  -Wl,-z,pack-relative-relocs)
LD_Darwin	= -Wl,-dead_strip -Wl,-dead_strip_dylibs
# A section each, so that a program keeps only what it uses.
CFLAGS		= $(OPT) $(WARN) -ffunction-sections -fdata-sections \
		  $(if $(SAN),,$(HARDEN)) $(SANFLAGS)
CPPFLAGS	= -std=gnu17 -D_GNU_SOURCE -Isrc -I$(O)/gen -DVMD_VERSION='"$(VERSION)"' \
		  -DVMD_LIBEXECDIR='"$(libexecdir)"' -DVMD_DATADIR='"$(datadir)"' \
		  $(if $(SYSROOT),-idirafter $(SYSROOT)/usr/include \
		  -idirafter $(SYSROOT)/usr/include/$(HOST_ARCH)-linux-gnu)
LDFLAGS		= $(SANFLAGS) $(LD_$(HOST_OS))

# Tests link everything: what the layers use, even before a program does.
all_LIBS	= $(sort jansson libevent_core libfdt \
		  $(foreach p,$(PROGRAMS),$($(p)_LIBS) $($(p)_STATIC_LIBS)))
# Libraries without a pkg-config file: the name says the flag.
NO_PC		= libfdt libobjc libwslay
pkg_libs	= $(patsubst lib%,-l%,$(filter $(NO_PC),$(1))) \
		  $(if $(strip $(filter-out $(NO_PC),$(1))),\
		  $(shell $(PKG_CONFIG) --libs $(filter-out $(NO_PC),$(1))))
# Libraries that a program takes in, instead of finding them at its start.
# macOS has no static libc, and Homebrew's libraries are shared.
BSTATIC		= $(if $(filter Linux,$(HOST_OS)),-Wl$(comma)-Bstatic)
BDYNAMIC	= $(if $(filter Linux,$(HOST_OS)),-Wl$(comma)-Bdynamic)
comma		= ,
static_libs	= $(if $(strip $(1)),$(BSTATIC) \
		  $(patsubst lib%,-l%,$(filter $(NO_PC),$(1))) \
		  $(shell $(PKG_CONFIG) --static $(PC_STATIC_$(HOST_OS)) \
		  $(filter-out $(NO_PC),$(1))) $(BDYNAMIC))
PC_STATIC_Linux	= --libs-only-l
PC_STATIC_Darwin = --libs
# A program with PROGRAM_STATIC takes in libc too: it starts without a dynamic
# linker, and still at an address of the kernel's choice.  Sanitizers cannot.
is_static	= $(if $(SAN),,$(if $(filter Linux,$(HOST_OS)),$($(1)_STATIC)))
ld_flags	= $(if $(call is_static,$(1)),$(filter-out -pie,$(LDFLAGS)) \
		  -static-pie,$(LDFLAGS))
ld_libs		= $(if $(call is_static,$(1)),\
		  $(filter-out $(BSTATIC) $(BDYNAMIC),\
		  $(call static_libs,$($(1)_STATIC_LIBS))),\
		  $(call static_libs,$($(1)_STATIC_LIBS)) \
		  $(call pkg_libs,$($(1)_LIBS))) \
		  $(addprefix -framework ,$($(1)_$(HOST_OS)_FRAMEWORKS)) -lpthread
# Headers of every library; asked for once.
PKG_CFLAGS	:= $(if $(strip $(all_LIBS)),\
		  $(shell $(PKG_CONFIG) --cflags $(filter-out $(NO_PC),$(all_LIBS)) \
		  2>/dev/null))

# One line a file; V=1 shows the commands.
ifdef V
say		=
else
say		= @printf '%-7s %s\n' $(1) $(patsubst $(O)/%,%,$@);
endif

# The first target.
all: programs

# --- layers and programs -------------------------------------------------------

define layer_rules
$(1)_OBJS	= $$(patsubst %,$$(O)/obj/$(1)/%.o,$$($(1)_FILES))
$$(O)/lib/$(1).a: $$($(1)_OBJS)
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(AR) rc $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

# A program's files but main go into an archive too: tests link it.
define program_rules
$(1)_OBJS	= $$(patsubst %,$$(O)/obj/$$($(1)_DIR)/%.o,$$($(1)_FILES))
$(1)_ARCHIVES	= $$(patsubst %,$$(O)/lib/%.a,$$($(1)_LAYERS))
$$(O)/bin/$(1): $$($(1)_OBJS) $$($(1)_ARCHIVES)
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) $$(call ld_flags,$(1)) -o $$@ $$^ $$(call ld_libs,$(1))
$$(O)/lib/prog-$(1).a: $$(filter-out %/main.o,$$($(1)_OBJS))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(AR) rc $$@ $$^
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# What vmm has only on arm64 but is the same everywhere, for tests.
ifneq ($(HOST_ARCH),aarch64)
OTHER		= $(O)/lib/other.a
$(OTHER): $(patsubst %,$(O)/obj/vmm/%.o,$(vmm_arm64_FILES))
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rc $@ $^
endif

# The accelerator of another system, which tests run on a double of it.
HVF		= $(O)/lib/hvf.a
$(HVF): $(patsubst %,$(O)/obj/accel/%.o,$(accel_hvf))
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rc $@ $^

# vmm on a double of Hypervisor.framework, which needs KVM of arm64.
HV_DOUBLE	= $(patsubst tests/double/hv/%.c,$(O)/obj/double/%.o,\
		  $(wildcard tests/double/hv/*.c))
$(O)/obj/double/%.o: tests/double/hv/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
# What breaks the double's contracts; it runs in the lab.
$(O)/tests/double/hv-contract: $(wildcard tests/double/hv_contract/*.c) \
    tests/double/hv_contract/contract.h $(HV_DOUBLE)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ \
	    $(filter-out %.h,$^) -lpthread
$(O)/tests/double/vmm-hvf: $(vmm_OBJS) $(HVF) $(HV_DOUBLE) $(vmm_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(call ld_flags,vmm) -o $@ $^ $(call ld_libs,vmm)

BINARIES	= $(patsubst %,$(O)/bin/%,$(PROGRAMS))
programs: $(BINARIES)

$(O)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A VMM runs little of its code, and that seldom: small is fast.
$(O)/obj/vmm/%.o $(O)/obj/accel/%.o $(O)/obj/chapi/%.o: OPT += -Os

# The system call filters are made now, not at each start of a program.
$(O)/gen/sandbox_gen: src/os/sandbox_gen.c src/os/sandbox.c \
    src/os/sandbox.h src/os/sandbox_row.h
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) -O1 $(WARN) -o $@ $(filter %.c,$^)
$(O)/gen/sandbox_code.h: $(O)/gen/sandbox_gen
	$(call say,GEN)$(RUN) $< > $@
$(O)/obj/os/sandbox_linux.o $(FO)/obj/os/sandbox_linux.o \
    $(O)/syntax/os/sandbox_linux.ok: $(O)/gen/sandbox_code.h

# Where programs and data will be is in one file: made again when that changes.
PATHS		:= $(shell mkdir -p $(O) && \
		  { echo '$(libexecdir) $(datadir)' | cmp -s - $(O)/paths || \
		  echo '$(libexecdir) $(datadir)' > $(O)/paths; })
$(O)/obj/vmd/options.o: $(O)/paths

# --- tests: a file each, linked with whatever it uses ----------------------------

# vmm-vz where there is no macOS: its source, and a double of what it calls.
VZ_DOUBLE	= $(patsubst tests/%.c,$(O)/obj/tests/%.o,\
		  $(wildcard tests/double/vz/*.c)) $(O)/obj/tests/double/vz/msgsend.o
VZ_OBJS		= $(patsubst %,$(O)/obj/vz/%.o,$(vmm-vz_FILES)) \
		  $(patsubst %,$(O)/obj/os/darwin/%.o,$(vmm-vz_DARWIN))
$(O)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(O)/obj/tests/%.o: tests/%.S
	@mkdir -p $(@D)
	$(call say,CC)$(CC) -c -o $@ $<
$(O)/tests/double/vmm-vz: $(VZ_OBJS) $(VZ_DOUBLE) \
    $(patsubst %,$(O)/lib/%.a,$(vmm-vz_LAYERS))
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) $(LDFLAGS) -Wl,--wrap=dlopen -o $@ $^ \
	    $(call pkg_libs,$(vmm-vz_LIBS)) -lpthread
ifneq ($(HOST_OS),Darwin)
$(O)/lib/prog-vmm-vz.a: $(filter-out %/main.o,$(VZ_OBJS))
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rc $@ $^
endif

ARCHIVES	= $(patsubst %,$(O)/lib/prog-%.a,$(PROGRAMS) vmm-vz) \
		  $(patsubst %,$(O)/lib/%.a,$(LAYERS)) $(OTHER) $(HVF)
UNIT		= $(patsubst tests/unit/%.c,$(O)/tests/unit/%.t,\
		  $(wildcard tests/unit/*.c))
BENCH		= $(patsubst tests/bench/%.c,$(O)/tests/bench/%,\
		  $(wildcard tests/bench/*.c))
FUZZ		= $(patsubst tests/fuzz/%.c,%,\
		  $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))

test_link	= $(CC) $(CPPFLAGS) -Itests $(PKG_CFLAGS) $(CFLAGS) $(LDFLAGS) \
		  -MMD -MP -o $@ $(filter %.c,$^) -Wl,--start-group $(ARCHIVES) \
		  -Wl,--end-group $(call pkg_libs,$(all_LIBS) cmocka libseccomp) -lpthread

# The loop of macOS, on a double of kqueue(2): the same test.
ifneq ($(HOST_OS),Darwin)
UNIT		+= $(O)/tests/unit/event_kqueue.t
$(O)/tests/unit/event_kqueue.t: tests/unit/event.c src/os/event_kqueue.c \
    tests/double/kqueue/kqueue.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link) -Itests/double/kqueue \
	    -Wl,--wrap=sigaction -Wl,--wrap=close
endif

# Its threads, looked at by a sanitizer that goes with no other.  The archives
# know the headers: a list of them here would outlive a file that goes.
ifndef SAN
UNIT		+= $(O)/tests/unit/hvf_kick_tsan.t
$(O)/tests/unit/hvf_kick_tsan.t: tests/unit/hvf_kick.c \
    $(patsubst %,src/accel/%.c,$(accel_hvf)) $(wildcard tests/*.h) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(filter-out -MMD -MP,$(test_link)) -fsanitize=thread
endif
# Its sockets and memory, on a double of what Linux has not: the same, again.
ifneq ($(HOST_OS),Darwin)
UNIT		+= $(O)/tests/unit/os_darwin.t
$(O)/tests/unit/os_darwin.t: tests/unit/os.c src/os/socket_darwin.c \
    src/os/memory_darwin.c tests/double/darwin/darwin.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link) -DDOUBLE_DARWIN -I. -Itests/double/darwin \
	    -include tests/double/darwin/darwin.h -Wl,--wrap=getsockopt \
	    -Wl,--wrap=setsockopt -Wl,--wrap=fcntl
endif
$(O)/tests/unit/%.t: tests/unit/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link)
$(O)/tests/bench/%: tests/bench/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link)
# What runs in the lab is static and needs nothing of ours.
LAB_BENCH	= $(patsubst %,$(O)/tests/bench/lab/%,null floor load observe \
		  marker spin)
lab_link	= $(CC) -std=gnu17 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $^
$(O)/tests/bench/lab/observe: $(patsubst %,tests/bench/lab/%.c,observe phases \
    process tracing)
	@mkdir -p $(@D)
	$(call say,TEST)$(lab_link)
$(O)/tests/bench/lab/marker: tests/bench/lab/marker.S
	@mkdir -p $(@D)
	$(call say,TEST)$(lab_link) -nostdlib
$(O)/tests/bench/lab/spin: tests/bench/lab/marker.S
	@mkdir -p $(@D)
	$(call say,TEST)$(lab_link) -nostdlib -DSPIN
$(O)/tests/bench/lab/%: tests/bench/lab/%.c
	@mkdir -p $(@D)
	$(call say,TEST)$(lab_link)
# A fuzz target with a main that feeds it the corpus; make fuzz has the other.
$(O)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link)

# A control API that answers from files, for the tests of vmctl.
FAKE_LIBS	= libmicrohttpd jansson libcrypto
$(O)/tests/cli/fake-api: $(wildcard tests/cli/fake*.c) tests/cli/fake.h $(O)/lib/os.a \
    $(O)/lib/lib.a
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS) -Itests/cli $(CFLAGS) $(LDFLAGS) \
	    $(shell $(PKG_CONFIG) --cflags $(FAKE_LIBS)) -o $@ $(filter %.c,$^) \
	    $(filter %.a,$^) $(call pkg_libs,$(FAKE_LIBS) libwslay) -lpthread

# vmd-control for the tests of vmd.
$(O)/tests/double/vmd-control: tests/cli/double-control.c $(O)/lib/priv.a \
    $(O)/lib/os.a $(O)/lib/lib.a
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(LDFLAGS) \
	    -o $@ $^ $(call pkg_libs,libevent_core)

# The agent of the guests of the double of vmm-vz.
$(O)/tests/double/vz-agent: tests/double/vz-agent.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link)
# A guest for the tests of networks.
$(O)/tests/cli/tap-guest: tests/cli/tap_guest.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST)$(test_link)

unit: $(UNIT) $(O)/tests/cli/fake-api $(O)/tests/cli/tap-guest \
    $(O)/tests/double/vmd-control $(O)/tests/double/vmm-vz \
    $(O)/tests/double/vz-agent
bench-programs: $(BENCH) $(if $(filter x86_64,$(HOST_ARCH)),$(LAB_BENCH))
fuzz-programs: $(patsubst %,$(O)/tests/fuzz/%,$(FUZZ))

# --- libFuzzer: clang, one minute a target unless FUZZ_SECONDS says else; what
# it finds is in build/fuzz/found, and moves to the corpus by hand -----------

FUZZ_SECONDS	= 60
FUZZ_SRCS	= $(foreach l,$(LAYERS),$(patsubst %,src/$(l)/%.c,$($(l)_FILES))) \
		  $(foreach p,$(PROGRAMS),$(patsubst %,src/$($(p)_DIR)/%.c,\
		  $(filter-out main,$($(p)_FILES)))) \
		  $(patsubst %,src/vmm/%.c,$(vmm_arm64_FILES)) \
		  $(patsubst %,src/accel/%.c,$(accel_hvf)) \
		  $(patsubst %,src/vz/%.c,$(filter-out main,$(vmm-vz_FILES)))
FUZZ_OBJS	= $(patsubst src/%.c,$(FO)/obj/%.o,$(FUZZ_SRCS))
FUZZ_CFLAGS	= -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
		  -fno-sanitize-recover=all

$(FO)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	clang $(CPPFLAGS) $(PKG_CFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
$(FO)/all.a: $(FUZZ_OBJS)
	@rm -f $@
	$(AR) rc $@ $^
$(FO)/%: tests/fuzz/%.c $(FO)/all.a
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -Itests $(PKG_CFLAGS) $(FUZZ_CFLAGS) \
	    -fsanitize=fuzzer -o $@ $< $(FO)/all.a \
	    $(call pkg_libs,$(all_LIBS)) -lpthread
fuzz: $(patsubst %,$(FO)/%,$(FUZZ))
	@for t in $(FUZZ); do \
		mkdir -p $(FO)/found/$$t tests/fuzz/corpus/$$t && \
		echo "fuzz: $$t, $(FUZZ_SECONDS) s" && \
		$(FO)/$$t -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		    $(FO)/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done

# --- the commands ------------------------------------------------------------------

# The packages first: what pkg-config says is read when make starts.
run:
	@scripts/deps run
	@$(MAKE) --no-print-directory -s all guest
	@BUILD=$(O) scripts/run $(IMAGE)

check:
	@scripts/deps check && scripts/npm-tools
	@$(MAKE) --no-print-directory -s all guest unit bench-programs \
	    fuzz-programs
	@$(MAKE) --no-print-directory -s SAN=1 all unit fuzz-programs
	@$(MAKE) --no-print-directory -s $(CROSS_ROOT)/complete guest-aarch64 || \
	    echo "check: no packages for arm64: its tests are skipped"
	@[ ! -f $(CROSS_ROOT)/complete ] || \
	    $(MAKE) --no-print-directory -s arm64
	@$(MAKE) --no-print-directory -s $(DARWIN_SDK)/complete || \
	    echo "check: no system for macOS: its tests are skipped"
	@[ ! -f $(DARWIN_SDK)/complete ] || \
	    $(MAKE) --no-print-directory -s darwin
	@BUILD=$(O) scripts/check

check-lab:
	@scripts/deps check && scripts/npm-tools
	@$(MAKE) --no-print-directory -s all unit
	@BUILD=$(O) scripts/check lab

bench:
	@scripts/deps check && scripts/npm-tools
	@$(MAKE) --no-print-directory -s all guest bench-programs
	@BUILD=$(O) scripts/bench $(BENCH_NAMES)

# Scripts for shells, made by the program itself; a test compares them.
completion: $(O)/bin/vmctl
	@mkdir -p etc/completion
	for s in bash zsh fish; do \
		$(O)/bin/vmctl completion $$s > etc/completion/vmctl.$$s; done

# Every source file through clang's warnings, without making anything.
SYNTAX		= $(patsubst src/%.c,$(O)/syntax/%.ok,\
		  $(filter-out src/guest/%,$(FUZZ_SRCS)))
$(O)/syntax/%.ok: src/%.c
	@mkdir -p $(@D)
	$(call say,CLANG)clang -fsyntax-only $(CPPFLAGS) $(PKG_CFLAGS) -O1 $(WARN) $<
	@: > $@
syntax: $(SYNTAX)

install: all guest
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) \
	    $(DESTDIR)$(libexecdir) $(DESTDIR)$(datadir) $(DESTDIR)$(mandir)/man8 \
	    $(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man7
	install -m 755 $(O)/bin/vmd $(DESTDIR)$(sbindir)
	install -m 755 $(O)/bin/vmctl $(DESTDIR)$(bindir)
	install -m 755 $(filter-out %/vmd %/vmctl,$(BINARIES)) \
	    $(DESTDIR)$(libexecdir)
	cp -R $(GUEST_SHARE) $(DESTDIR)$(datadir)
	chmod -R u=rwX,go=rX $(DESTDIR)$(datadir)
	install -m 644 man/*.8 $(DESTDIR)$(mandir)/man8
	install -m 644 man/*.5 $(DESTDIR)$(mandir)/man5
	install -m 644 man/*.7 $(DESTDIR)$(mandir)/man7
	@scripts/install-system "$(DESTDIR)" "$(prefix)" "$(sbindir)"

uninstall:
	rm -f $(DESTDIR)$(sbindir)/vmd $(DESTDIR)$(bindir)/vmctl
	rm -rf $(DESTDIR)$(libexecdir) $(DESTDIR)$(datadir)
	rm -f $(patsubst man/%.8,$(DESTDIR)$(mandir)/man8/%.8,$(wildcard man/*.8))
	rm -f $(patsubst man/%.5,$(DESTDIR)$(mandir)/man5/%.5,$(wildcard man/*.5))
	rm -f $(patsubst man/%.7,$(DESTDIR)$(mandir)/man7/%.7,$(wildcard man/*.7))
	@scripts/install-system -u "$(DESTDIR)" "$(prefix)" "$(sbindir)"

# A release, and a formula that knows its checksum.  DIST_URL is where it will
# be.
DIST		= build/dist/vmd-$(VERSION).tar.gz
DIST_URL	= https://vmd.invalid
dist:
	@mkdir -p build/dist
	git archive --format=tar --prefix=vmd-$(VERSION)/ HEAD | gzip -9n > $(DIST)
	cd build/dist && sha256sum $(notdir $(DIST)) > $(notdir $(DIST)).sha256
	sed -e 's|url ".*"|url "$(DIST_URL)/$(notdir $(DIST))"|' \
	    -e "s|sha256 \".*\"|sha256 \"$$(cut -c 1-64 $(DIST).sha256)\"|" \
	    Formula/vmd.rb > build/dist/vmd.rb

clean:
	rm -rf build

.PHONY: all programs unit bench-programs fuzz-programs fuzz clean run check \
	check-lab bench completion syntax install uninstall dist
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(O)/obj $(O)/tests $(FO)/obj -name '*.d' 2>/dev/null)
