# What runs inside a VM: vminit (musl, static) and the guest kernel.
