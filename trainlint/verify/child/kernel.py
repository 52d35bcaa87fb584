"""The few calls into the kernel that Python has no names for. Linux only; elsewhere they answer False."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

MOUNT_SET_ATTRIBUTES, HERE, RECURSIVE = 442, -100, 0x8000  # the same number on every architecture
NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
DEATH_SIGNAL, NO_NEW_PRIVILEGES, CHILD_SUBREAPER, DROP_BOUND = 1, 38, 36, 24


def linux() -> bool:
    return sys.platform.startswith("linux")


def call(name: str, *arguments: object) -> bool:
    """A C library function by name; True where it returned 0."""
    if not linux():
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return int(getattr(library, name)(*arguments)) == 0


def system_call(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.syscall(ctypes.c_long(number), *arguments))


def control(option: int, value: int) -> bool:
    """`prctl` with one argument."""
    return call(
        "prctl", option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)
    )


def leave(flags: int) -> bool:
    """Leave the namespaces named by flags for new ones."""
    return call("unshare", flags)


def become_own_user() -> bool:
    """Enter a new user namespace as the same user, which is what allows the other namespaces."""
    user, group = os.getuid(), os.getgid()
    if not leave(NEW_USER):
        return False
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    except OSError:
        return False
    return True


def raise_loopback() -> bool:
    """Bring up `lo` in a new network namespace: gloo talks to itself over it."""
    import fcntl
    import socket

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            fcntl.ioctl(plain, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
    except OSError:
        return False
    return True


def mount_private_memory(folder: str, megabytes: int) -> bool:
    """A file system of limited size that only this process tree sees and that vanishes with it."""
    make_private = call(
        "mount", b"none", b"/", None, ctypes.c_ulong(0x4000 | 0x40000), None
    )  # MS_REC | MS_PRIVATE
    options = f"size={megabytes}m,nr_inodes=4096,mode=700".encode()
    no_devices = ctypes.c_ulong(0x2 | 0x4)  # MS_NOSUID | MS_NODEV
    return make_private and call("mount", b"tmpfs", folder.encode(), b"tmpfs", no_devices, options)


def make_read_only(folder: str) -> bool:
    """All file systems but the one mounted at `folder`: modes, owners and times of files do not change either."""
    if not leave(NEW_MOUNTS) or not _set_read_only("/", RECURSIVE, True):
        return False
    return _set_read_only(folder, 0, False) or not _set_read_only("/", RECURSIVE, False)


def _set_read_only(path: str, flags: int, wanted: bool) -> bool:
    attributes = struct.pack("QQQQ", int(wanted), int(not wanted), 0, 0)
    size = ctypes.c_size_t(len(attributes))
    place = ctypes.c_int(HERE), path.encode(), ctypes.c_uint(flags)
    return system_call(MOUNT_SET_ATTRIBUTES, *place, attributes, size) == 0


def drop_capabilities() -> bool:
    """Give up what the user namespace granted; nothing after this may mount, unshare or set namespaces."""
    for capability in range(64):
        control(DROP_BOUND, capability)
    header = struct.pack("Ii", 0x20080522, 0)
    return call("capset", header, bytes(24))


def _write(path: str, text: str) -> None:
    with open(path, "w") as stream:
        stream.write(text)
