"""A filter on system calls: no new processes, no programs, no sockets, no looking into other processes.

A training step needs none of these. Threads stay allowed. `clone3` answers "not implemented", so that
the C library falls back to `clone`, whose flags the filter can read.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from . import kernel

SET_SECCOMP, FILTER_MODE = 22, 2
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
THREAD = 0x10000
NOT_PERMITTED, NOT_IMPLEMENTED = 1, 38

EVERYWHERE = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "fspick": 433, "pidfd_open": 434, "pidfd_getfd": 438, "mount_setattr": 442,
    "quotactl_fd": 443, "memfd_secret": 447,
}  # fmt: skip
X86_64 = {
    "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "rt_sigqueueinfo": 129, "pivot_root": 155, "chroot": 161,
    "acct": 163, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175, "delete_module": 176,
    "quotactl": 179, "tkill": 200, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "execveat": 322, "userfaultfd": 323, "syslog": 103,
    "swapoff": 168, "kexec_file_load": 320, "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240,
}  # fmt: skip
AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89, "unshare": 97,
    "kexec_load": 104, "init_module": 105, "delete_module": 106, "ptrace": 117, "tkill": 130, "rt_sigqueueinfo": 138,
    "reboot": 142, "add_key": 217, "request_key": 218, "keyctl": 219, "execve": 221, "swapon": 224,
    "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281, "userfaultfd": 282, "syslog": 116,
    "swapoff": 225, "kexec_file_load": 294, "shmget": 194, "semget": 190, "msgget": 186, "mq_open": 180,
}  # fmt: skip
# Refused where file systems are not read-only: the modes, owners, times and attributes of files, which Landlock
# leaves alone. The last numbers are the same everywhere.
CHANGES = {
    "x86_64": (90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199, 132, 235, 261, 280, 452, 463, 466),
    "aarch64": (52, 53, 54, 55, 5, 6, 7, 14, 15, 16, 88, 452, 463, 466),
}
# Refused where no driver needs it: memory that belongs to no process, so that no watchdog sees it.
MEMORY_FILE = {"x86_64": (319,), "aarch64": (279,)}
# architecture: its audit number, refused calls, clone, kill, tgkill, socket, prctl
MACHINES = {
    "x86_64": (0xC000003E, X86_64, 56, 62, 234, 41, 157),
    "aarch64": (0xC00000B7, AARCH64, 220, 129, 131, 198, 167),
}
CLONE3 = 435


def restrict(read_only: bool, driver: bool) -> bool:
    """Put the filter on this process and all that it starts; False where the platform is not known."""
    machine = platform.machine()
    if not kernel.linux() or machine not in MACHINES:
        return False
    also = (*(() if read_only else CHANGES[machine]), *(() if driver else MEMORY_FILE[machine]))
    program = _program(machine, os.getpid(), also)
    filters = ctypes.create_string_buffer(b"".join(program))
    handle = struct.pack("HxxxxxxP", len(program), ctypes.addressof(filters))
    kernel.control(kernel.NO_NEW_PRIVILEGES, 1)
    unused = ctypes.c_ulong(0)
    return kernel.call("prctl", SET_SECCOMP, ctypes.c_ulong(FILTER_MODE), handle, unused, unused)


def _program(machine: str, own: int, also: tuple[int, ...]) -> list[bytes]:
    audit, refused, clone, kill, tgkill, socket, prctl = MACHINES[machine]
    lines = [_load(ARCHITECTURE_AT), _jump(EQUAL, audit, 1, 0), _return(KILL), _load(NUMBER_AT)]
    if machine == "x86_64":
        lines += [
            _jump(AT_LEAST, 0x40000000, 0, 1),
            _return(REFUSE | NOT_PERMITTED),
        ]  # the x32 doors to the same calls
    lines += [*_refuse(CLONE3, NOT_IMPLEMENTED), *_refuse(socket, NOT_PERMITTED)]
    for number in (*refused.values(), *EVERYWHERE.values(), *also):
        lines += _refuse(number, NOT_PERMITTED)
    lines += _only_if(clone, ANY_BIT, THREAD)
    lines += [*_only_if(kill, EQUAL, own), *_only_if(tgkill, EQUAL, own)]
    lines += _unless_first_argument(prctl, kernel.DEATH_SIGNAL)
    return [*lines, _return(ALLOW)]


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", LOAD, 0, 0, offset)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _return(value: int) -> bytes:
    return struct.pack("HBBI", RETURN, 0, 0, value)


def _refuse(number: int, error: int) -> list[bytes]:
    return [_jump(EQUAL, number, 0, 1), _return(REFUSE | error)]


def _only_if(number: int, code: int, value: int) -> list[bytes]:
    """The call is allowed if its first argument passes the test."""
    return [
        _jump(EQUAL, number, 0, 4),
        _load(FIRST_ARGUMENT_AT),
        _jump(code, value, 1, 0),
        _return(REFUSE | NOT_PERMITTED),
        _return(ALLOW),
    ]


def _unless_first_argument(number: int, value: int) -> list[bytes]:
    return [
        _jump(EQUAL, number, 0, 4),
        _load(FIRST_ARGUMENT_AT),
        _jump(EQUAL, value, 0, 1),
        _return(REFUSE | NOT_PERMITTED),
        _return(ALLOW),
    ]
