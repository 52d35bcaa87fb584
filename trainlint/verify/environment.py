"""What an experiment's outcome depends on beside its programs: the interpreter and all that is installed there."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainlint.remembered import print_of

PACKAGES = ("site-packages", "dist-packages")
SIGNS = (".dist-info", ".egg-info", ".egg-link", ".pth")  # their names hold versions


def print_of_python(python: str) -> str:
    """A print of an interpreter and its packages, without starting torch; empty where it cannot be had."""
    try:
        version, paths = (sys.version, sys.path) if python == sys.executable else _ask(python)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return print_of(os.path.realpath(python), version, platform.platform(), *_installed(paths))


def _ask(python: str) -> tuple[str, Sequence[str]]:
    question = "import json, sys; print(json.dumps([sys.version, sys.path]))"
    asked = subprocess.run([python, "-E", "-c", question], capture_output=True, timeout=30, check=True)
    version, paths = json.loads(asked.stdout)
    return str(version), [str(path) for path in paths]


def _installed(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.basename(path.rstrip("/")).endswith(PACKAGES):
            continue
        yield path
        try:
            yield from sorted(name for name in os.listdir(path) if name.endswith(SIGNS))
            yield Path(path, "torch", "version.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
