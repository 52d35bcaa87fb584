"""Landlock: the kernel refuses files outside the folders named here, whatever the program tries."""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from . import kernel

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same numbers on every architecture
READ_FILE, READ_FOLDER, EXECUTE = 1 << 2, 1 << 3, 1 << 0
WRITE_FILE, TRUNCATE, DEVICE_CONTROL = 1 << 1, 1 << 14, 1 << 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_CONTROL
READ = EXECUTE | READ_FILE | READ_FOLDER


def version() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    if not kernel.linux():
        return 0
    return max(0, kernel.system_call(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(readable: list[str], listed: list[str], writable: list[str], devices: list[str]) -> bool:
    """Allow reading and writing below these paths and nowhere else, no TCP, no signals to the outside."""
    known = version()
    if not known:
        return False
    files = _file_rights(known)
    ruleset = _create(known, files)
    if ruleset < 0:
        return False
    try:
        for rights, paths in (
            (READ, readable),
            (READ_FOLDER, listed),
            (files, writable),
            (READ | WRITE_FILE | DEVICE_CONTROL, devices),
        ):
            for path in paths:
                _allow(ruleset, path, rights & files)
        kernel.control(kernel.NO_NEW_PRIVILEGES, 1)
        return kernel.system_call(RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0
    finally:
        os.close(ruleset)


def _file_rights(known: int) -> int:
    bits = 13 + (known >= 2) + (known >= 3)
    rights = (1 << bits) - 1
    return rights | DEVICE_CONTROL if known >= 5 else rights


def _create(known: int, files: int) -> int:
    attributes = struct.pack("Q", files)
    if known >= 4:
        attributes += struct.pack("Q", 0b11)  # TCP bind and connect
    if known >= 6:
        attributes += struct.pack("Q", 0b11)  # abstract sockets and signals across the border
    return kernel.system_call(CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a path that does not exist needs no permission
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= ON_FILES
        rule = struct.pack("=Qi", rights, handle)
        kernel.system_call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(handle)
