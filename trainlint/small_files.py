"""Files beside the program (configurations, requirements, lists of what to ignore), read with the care that a
stranger's repository asks for."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_small(file: Path, most: int) -> bytes | None:
    """The content of a regular file of at most `most` bytes, else None.

    A pipe or a device is not opened: reading it could last for ever.
    """
    try:
        found = os.stat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            return None
        return file.read_bytes()
    except (OSError, ValueError):  # a null byte in a path
        return None
