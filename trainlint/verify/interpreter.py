"""Finds the Python that has torch: the one asked for, our own, or that of the active environment.

Folders of the project are not searched: what a stranger committed as `.venv/bin/python` would run outside the sandbox.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NO_TORCH = 'verify needs torch: pip install "trainlint[verify]", or name the Python that has it with --python'


class VerifyError(Exception):
    """Verification cannot run here at all; the text is one line for the user."""


def find_python(wanted: str | None = None) -> str:
    """The interpreter for the sandbox; raises VerifyError where none has torch."""
    if wanted is not None:
        python = shutil.which(wanted)
        if python is None:
            raise VerifyError(f"--python {wanted}: no such program")
        if not has_torch(python):
            raise VerifyError(f"--python {wanted}: torch is not installed there")
        return python
    if importlib.util.find_spec("torch") is not None:
        return sys.executable
    for python in _environments():
        if has_torch(python):
            return python
    raise VerifyError(NO_TORCH)


def has_torch(python: str) -> bool:
    """Whether that interpreter would find torch; it is not imported."""
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    try:
        asked = subprocess.run([python, "-c", question], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _environments() -> Iterator[str]:
    """The active environment, then what the path offers."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if prefix := os.environ.get(variable):
            yield from _python_in(Path(prefix))
    for name in ("python3", "python"):
        if python := shutil.which(name):
            yield python


def _python_in(prefix: Path) -> Iterator[str]:
    python = prefix / "bin" / "python"
    if python.is_file():
        yield str(python)
