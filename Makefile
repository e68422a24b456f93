# Portable vmd.  GNU make; no configure step.
#
#	make run	an OCI image runs as a VM, from nothing
#	make check	every test this machine can run
#	make		the programs, into build/bin
#
# One program is one list of files and one list of libraries: what it links
# is what it may do.  Layers (archives) a program names come from src/LAYER.

prefix		= /usr/local
sbindir		= $(prefix)/sbin
bindir		= $(prefix)/bin
libexecdir	= $(prefix)/libexec/vmd
datadir		= $(prefix)/share/vmd
mandir		= $(prefix)/share/man
VERSION		= 0.1.0

# --- layers ------------------------------------------------------------------

LAYERS		= lib os disk virtio accel chapi agent conf priv guest oci

lib_FILES	= buf err escape io json log num plain written
# What of it is made for the host's system.
HOST_OS		:= $(shell uname -s)
os_Linux	= clock_linux \
		  event_linux \
		  image_lock_linux \
		  link_linux \
		  memory_linux \
		  os_linux \
		  paths_linux \
		  process_linux \
		  sandbox_linux \
		  socket_linux \
		  user_linux
os_Darwin	= clock_darwin \
		  darwin/signature \
		  event_kqueue \
		  files_darwin \
		  image_lock_darwin \
		  memory_darwin \
		  os_darwin \
		  paths_darwin \
		  process_darwin \
		  sandbox_darwin \
		  socket_darwin \
		  user_darwin
os_FILES	= clock \
		  copy \
		  event \
		  paths \
		  post \
		  sandbox \
		  seatbelt \
		  tty \
		  $(os_$(HOST_OS))
disk_FILES	= image image_files qcow2_compressed qcow2_header qcow2_map \
		  qcow2_meta qcow2_open qcow2_refcount qcow2_repair
virtio_FILES	= frontend guest_memory inflight vhost_user virtq virtq_driver
# What of it is made for the host's processor.
HOST_ARCH	:= $(shell uname -m)
accel_x86_64	= cpuid_x86 \
		  kvm \
		  kvm_vcpu \
		  kvm_x86 \
		  kvm_x86_regs \
		  kvm_x86_vcpu \
		  kvm_x86_vm \
		  loop_x86
accel_aarch64	= debug_arm64 \
		  kvm \
		  kvm_arm64 \
		  kvm_arm64_debug \
		  kvm_arm64_gic \
		  kvm_arm64_gic_state \
		  kvm_arm64_state \
		  kvm_vcpu \
		  loop_arm64 \
		  walk_arm64
# Hypervisor.framework of Apple Silicon: built everywhere, for tests.
accel_hvf	= debug_arm64 \
		  hvf \
		  hvf_debug \
		  hvf_dirty \
		  hvf_event \
		  hvf_exit \
		  hvf_host \
		  hvf_insn \
		  hvf_mmio \
		  hvf_psci \
		  hvf_state \
		  hvf_sysreg \
		  hvf_vcpu \
		  walk_arm64
accel_Linux	= device \
		  null \
		  null_x86 \
		  probe \
		  state \
		  $(accel_$(HOST_ARCH))
accel_Darwin_arm64 = $(accel_hvf)
accel_Darwin	= state $(accel_Darwin_$(HOST_ARCH))
accel_FILES	= $(accel_$(HOST_OS))
chapi_FILES	= brake \
		  client \
		  console \
		  counters \
		  exit \
		  http \
		  migration \
		  server \
		  snapshot_dir \
		  vm_config \
		  vm_config_json \
		  vmm \
		  vmm_ask
agent_FILES	= client entry frame reply
conf_FILES	= conf \
		  instance \
		  interface \
		  lex \
		  parse \
		  port \
		  print \
		  request \
		  vm
priv_FILES	= chan client file_record request wire
oci_FILES	= digest reference
# vminit but its main.c; the guest's own build is in scripts/guest.mk.
guest_FILES	= agent conn dhcp guest_config links net passwd power proc \
		  request_exec request_get request_identity request_info \
		  request_put run \
		  setup signame spawn words

# --- programs: files in src/DIR, layers from the right to the left, libraries --

# A list that ends in _Linux or _Darwin is that system's alone.
PROGRAMS	= viod vmctl vmd vmd-control vmd-image
PROGRAMS_Linux	= viod-tap vmd-share
PROGRAMS_Darwin	= vmm-vz
PROGRAMS	+= $(PROGRAMS_$(HOST_OS))

viod_DIR	= viod
viod_Linux	= aio_engines_linux aio_uring
viod_Darwin	= aio_engines_darwin
viod_FILES	= $(viod_$(HOST_OS)) aio aio_threads blk blk_main cdrom commands disk \
		  disk_qcow2 disk_raw limit main message queue scsi scsi_main \
		  serve start vsock vsock_conn vsock_host vsock_main vsock_mux
viod_LAYERS	= disk virtio os lib
# No library at run time, as vmm.
viod_STATIC	= yes
viod_Linux_LIBS	= liburing
viod_STATIC_LIBS = $(viod_$(HOST_OS)_LIBS) libzstd zlib

PROGRAMS	+= viod-net
viod-net_DIR	= viod
viod-net_FILES	= commands_net limit main message net net_frames net_local \
		  net_main net_offload net_port net_resolver net_rx net_udp \
		  net_user queue serve start
viod-net_LAYERS	= virtio os lib
viod-net_LIBS	= slirp glib-2.0

viod-tap_DIR	= viod
viod-tap_FILES	= commands_tap limit main message net net_dhcp net_dhcp6 \
		  net_dns net_ip6 net_names net_offload net_ra net_relay \
		  net_resolver net_router net_rx net_stream net_tap net_udp queue \
		  serve start tap_main
viod-tap_LAYERS	= virtio os lib
viod-tap_STATIC	= yes

PROGRAMS_Linux	+= vmm
PROGRAMS_Darwin	+= $(if $(filter arm64,$(HOST_ARCH)),vmm)
vmm_DIR		= vmm
vmm_FILES	= acpi \
		  aml \
		  backend \
		  board \
		  bus \
		  byhand \
		  bzimage \
		  confine \
		  coredump \
		  dev/balloon \
		  dev/console \
		  dev/cpuplug \
		  dev/debug \
		  dev/debugcon \
		  dev/fw_cfg \
		  dev/hotplug \
		  dev/i8042 \
		  dev/pm \
		  dev/power \
		  dev/rng \
		  dev/rtc \
		  dev/uart \
		  dev/vhost \
		  dev/vhost_kinds \
		  dev/vhost_run \
		  dev/vhost_state \
		  dev/vmmci \
		  dev/wire \
		  elf \
		  firmware \
		  gdb \
		  gdb_arm64 \
		  gdb_regs \
		  gdb_session \
		  gdb_x86 \
		  hand \
		  helpers \
		  loader \
		  machine \
		  machine_cpus \
		  machine_devices \
		  machine_firmware \
		  machine_log \
		  machine_state \
		  $(vmm_$(HOST_ARCH)) \
		  main \
		  memory \
		  memory_file \
		  memory_log \
		  mptable \
		  openbsd \
		  pci \
		  pci_bar \
		  pci_msix \
		  pci_show \
		  pci_state \
		  probe_job \
		  pvh \
		  send \
		  shadow \
		  snapshot \
		  stream \
		  subopt \
		  terminal \
		  unpack \
		  vcpu \
		  vio \
		  vio_legacy \
		  vio_pci \
		  vio_state \
		  working_set
vmm_x86_64	= machine_x86 map_x86
vmm_aarch64	= $(vmm_arm64_FILES) machine_arm64 map_arm64
vmm_arm64	= $(vmm_aarch64)	# as macOS calls it
# The arm64 board but for its map: tests look at it everywhere.
vmm_arm64_FILES	= dev/pflash dev/pl011 dev/pl031 dev/pl061 devtree efi image \
		  stolen
vmm_LAYERS	= chapi disk virtio accel os lib
# No library at run time: a VM starts faster, and many share all of it.
vmm_STATIC	= yes
vmm_aarch64_LIBS = libfdt
vmm_arm64_LIBS	= libfdt
vmm_Darwin_FRAMEWORKS = Hypervisor
vmm_STATIC_LIBS	= $(vmm_$(HOST_ARCH)_LIBS) jansson

PROGRAMS	+= vmm-null
vmm-null_DIR	= null
vmm-null_FILES	= main snapshot
vmm-null_LAYERS	= chapi os lib
vmm-null_LIBS	= jansson

PROGRAMS	+= vmm-qemu
vmm-qemu_DIR	= qemu
vmm-qemu_Linux	= host_linux
vmm-qemu_Darwin	= host_darwin
vmm-qemu_FILES	= check child command launch main qemu qmp runstate $(vmm-qemu_$(HOST_OS))
vmm-qemu_LAYERS	= chapi accel os lib
vmm-qemu_LIBS	= jansson

# Of macOS only; elsewhere its tests link it with a double of the framework.
vmm-vz_DIR	= vz
vmm-vz_FILES	= backend check config devices identity machine main ns relay \
		  snapshot state vsock vsock_device
vmm-vz_DARWIN	= signature
vmm-vz_LAYERS	= chapi os lib
vmm-vz_Darwin_LIBS = libobjc
vmm-vz_LIBS	= jansson $(vmm-vz_$(HOST_OS)_LIBS)

vmd_DIR		= vmd
vmd_Linux	= nat nat_links taps
vmd_Darwin	= taps_none
vmd_FILES	= children conf control file files jobs listen main names \
		  options ports record report requests shares spawn state user \
		  vm_retry vm_start vm_words vms vms_adopt $(vmd_$(HOST_OS))
vmd_LAYERS	= disk priv os lib
vmd_Linux_LIBS	= libmnl
vmd_LIBS	= libevent_core $(vmd_$(HOST_OS)_LIBS)

PROGRAMS	+= vmd-conf
vmd-conf_DIR	= conf
vmd-conf_FILES	= main
vmd-conf_LAYERS	= conf os lib
vmd-conf_LIBS	= jansson

vmd-control_DIR	= control
vmd-control_FILES = admission adopt auth capabilities clock config \
		  config_net config_rows config_vm console_request \
		  cp_request database \
		  directory disk_copy exec_request exit_info files guest http \
		  hypervisors image_json image_names images incoming \
		  instance jobs lifecycle \
		  log_tail main misc note op op_capture op_hold op_image \
		  op_place \
		  op_restore op_send op_standby op_start op_stop reply \
		  request route \
		  routes/config routes/console routes/cp routes/cp_from routes/cp_to \
		  routes/create routes/exec routes/fork routes/image_events \
		  routes/image_import routes/images routes/instances \
		  routes/logs routes/receive routes/routes routes/send \
		  routes/snapshots routes/stat \
		  routes/system routes/volumes routes/wait send_disk snapshots \
		  spec spec_ifs spec_json spec_lists template vm vm_json vm_table \
		  volumes watch websocket \
		  working_set
vmd-control_LAYERS = chapi agent priv oci os lib
vmd-control_LIBS = libevent_core libmicrohttpd libwslay jansson sqlite3 \
		  jose libcrypto

vmd-image_DIR	= oci
vmd-image_FILES	= archive_files child confine emit image import job layer links \
		  main manifest merge pull skopeo squashfs store store_index \
		  sweep tar_out tree unpack
vmd-image_LAYERS = oci os lib
vmd-image_LIBS	= libarchive libzstd zlib jansson libcrypto

vmd-share_DIR	= share
vmd-share_FILES	= jail main
vmd-share_LAYERS = lib

vmctl_DIR	= vmctl
vmctl_FILES	= api cmd cmd_completion cmd_conf cmd_cp cmd_create cmd_exec \
		  cmd_host cmd_image cmd_life cmd_list cmd_logs cmd_run \
		  cmd_send cmd_snapshot cmd_start cmd_volume copy_place \
		  copy_tar copy_tree copy_wire env listing main opt progress \
		  pull relay run session sig sse start table vm ws
vmctl_LAYERS	= conf disk os lib
vmctl_LIBS	= libcurl libwslay jansson libarchive libcrypto libzstd zlib

include scripts/build.mk
include scripts/guest.mk
include scripts/cross.mk
include scripts/darwin.mk
