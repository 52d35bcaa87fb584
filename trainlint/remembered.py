"""Verdicts of earlier runs in the user's cache folder: `verify` writes them, `check` shows what it finds.

    verdicts/KEY.json   a verdict, and the files of the project that its programs read, each with a print of its content
    places/PLACE.json   for one file: which of its findings has which verdict, and of what text

Anybody may write there or break what is there: whatever does not read as it should counts as not there. Nothing here imports
what a run on one file does without, and nothing is opened where there is no such folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from trainlint.diagnostic import Diagnostic, Series, State, Verdict
from trainlint.records import dataclass

MOST_BYTES, MOST_ENTRIES = 64 << 20, 5000  # of the whole folder
LARGEST = 1 << 20  # bytes of an entry
READ_WHOLE = 4 << 20  # bytes of a file; of a larger one size and time tell whether it changed
SHORT = 32  # characters of a name in the folder


@dataclass(frozen=True, slots=True)
class Remembered:
    """A verdict and what it rests on beside its key: prints of files and folders, and how its programs were made."""

    verdict: Verdict
    files: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where verdicts are kept, whether it is there or not; None for users without a home."""
    asked = environment.get("XDG_CACHE_HOME") or ""
    if os.path.isabs(asked):
        return Path(asked) / "trainlint"
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA") or ""
        return Path(local) / "trainlint" / "Cache" if local else None
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    return Path(home, "Library/Caches" if sys.platform == "darwin" else ".cache", "trainlint")


def verdict_of(folder: Path, key: str) -> Remembered | None:
    """What is remembered under a key, if all that it rests on is still as it was."""
    entry = _read(folder / "verdicts" / f"{key}.json") if key.isalnum() else None
    try:
        verdict = _verdict(entry["verdict"]) if entry is not None else None
        files = {str(path): str(known) for path, known in entry["files"].items()} if entry is not None else {}
        made = dict(entry["made"]) if entry is not None else {}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    if verdict is None or any(content_print(path) != known for path, known in files.items()):
        return None
    return Remembered(verdict, files, made)


def remember(folder: Path, key: str, entry: Remembered) -> None:
    """Keep a verdict; a folder that cannot be written is as good as none."""
    verdict = entry.verdict
    plain = {name: getattr(verdict, name) for name in ("state", "reason", "evidence", "device", "seconds")}
    plain |= {"measurements": dict(verdict.measurements), "protections": list(verdict.protections)}
    plain |= {
        "versions": dict(verdict.versions),
        "series": [_plain_series(series) for series in verdict.series],
    }
    _write(folder / "verdicts" / f"{key}.json", {"verdict": plain, "files": entry.files, "made": entry.made})


def remember_places(folder: Path, file: Path, keys: Mapping[str, str], rules: Mapping[str, str]) -> None:
    """Keep which findings of a file, by fingerprint, have which verdict, beside what is known of its other findings."""
    found = dict(_found(folder, file)) | {
        name: {"key": key, "rule": rules[name]} for name, key in keys.items()
    }
    text = content_print(str(file))
    _write(_place(folder, file), {"text": text, "package": package_print(), "found": found})


def versions_of(folder: Path, python: str) -> Mapping[str, str]:
    """The versions that an interpreter gave of itself when its torch was last started; empty if it never was."""
    entry = _read(folder / "pythons" / f"{python}.json") or {}
    names = ("torch", "python", "cuda")
    return {name: str(entry[name]) for name in names} if all(name in entry for name in names) else {}


def remember_versions(folder: Path, python: str, versions: Mapping[str, str]) -> None:
    """Keep them, so that nothing has to start where all is remembered."""
    _write(folder / "pythons" / f"{python}.json", versions)


def recalled(
    diagnostics: Iterable[Diagnostic], cwd: Path, rule_files: Mapping[str, Path], folder: Path | None
) -> tuple[Diagnostic, ...]:
    """The findings, those with a verdict of an earlier run on the very same text with it."""
    diagnostics = tuple(diagnostics)
    if folder is None or not diagnostics or not os.path.isdir(folder / "places"):
        return diagnostics
    known: dict[str, Mapping[str, Any]] = {}
    for path in dict.fromkeys(said.where.path for said in diagnostics):
        known[path] = _found(folder, Path(os.path.abspath(cwd / path)))
    return tuple(_with_verdict(said, known[said.where.path], rule_files, folder) for said in diagnostics)


def _with_verdict(
    said: Diagnostic, found: Mapping[str, Any], rule_files: Mapping[str, Path], folder: Path
) -> Diagnostic:
    entry = found.get(said.fingerprint)
    rule = rule_files.get(said.name)
    if not isinstance(entry, dict) or rule is None or entry.get("rule") != content_print(str(rule)):
        return said
    kept = verdict_of(folder, str(entry.get("key")))
    return said if kept is None else replace(said, verdict=replace(kept.verdict, earlier=True))


def _found(folder: Path, file: Path) -> Mapping[str, Any]:
    entry = _read(_place(folder, file))
    if (
        entry is None
        or entry.get("text") != content_print(str(file))
        or entry.get("package") != package_print()
    ):
        return {}
    found = entry.get("found")
    return found if isinstance(found, dict) else {}


def _place(folder: Path, file: Path) -> Path:
    return folder / "places" / f"{print_of(str(file))}.json"


def print_of(*parts: str) -> str:
    """A short name for some texts; different ones have different names."""
    from hashlib import sha256  # takes a few milliseconds to load

    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:SHORT]


def content_print(path: str) -> str:
    """A print of a file's content, or of the names in a folder; of what is not there an empty one.

    With a separator at its end a folder stands for the modules that can be imported from it.
    """
    try:
        if path.endswith(os.sep):
            return print_of(*sorted(entry.name for entry in os.scandir(path) if _imports(entry)))
        if os.path.isdir(path):
            return print_of(*sorted(name for name in os.listdir(path) if name != "__pycache__"))
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device: reading it could last for ever
            return ""
        if found.st_size > READ_WHOLE:
            return f"{found.st_size} {found.st_mtime_ns}"
        return print_of(Path(path).read_bytes().decode("latin-1"))
    except (OSError, ValueError):
        return ""


def _imports(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith((".", "__pycache__")):
        return False
    if entry.is_dir():
        return os.path.isfile(os.path.join(entry.path, "__init__.py"))
    return entry.name.endswith((".py", ".pyc", ".so", ".pyd"))


@cache  # looked at once: it holds for every file of a run
def package_print() -> str:
    """A print of this very installation of trainlint, by names, sizes and times of its files."""
    return print_of(*sorted(_stats(os.path.dirname(os.path.abspath(__file__)))))


def _stats(folder: str) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _stats(entry.path)
        elif entry.name.endswith(".py"):
            found = entry.stat()
            yield f"{entry.path} {found.st_size} {found.st_mtime_ns}"


def prune(folder: Path) -> None:
    """Forget the oldest until the folder is of its size again."""
    kept: list[tuple[float, int, str]] = []
    for kind in ("verdicts", "places", "pythons"):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder / kind):
                found = entry.stat()
                kept.append((found.st_mtime, found.st_size, entry.path))
    size = sum(length for _, length, _ in kept)
    left = len(kept)
    for _, length, path in sorted(kept):
        if left <= MOST_ENTRIES and size <= MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        left, size = left - 1, size - length


def _verdict(value: Mapping[str, Any]) -> Verdict:
    """A verdict from JSON; raises where it is none."""
    words = [value["reason"], value["evidence"], *value["protections"]]
    if value["state"] not in get_args(State) or not all(isinstance(word, str) for word in words):
        raise ValueError("no verdict")
    return Verdict(
        value["state"],
        words[0],
        words[1],
        measurements=dict(value["measurements"]),
        device=str(value["device"]) if value["device"] is not None else None,
        seconds=float(value["seconds"]),
        protections=tuple(words[2:]),
        series=tuple(map(_series, value["series"])),
        versions={str(name): str(version) for name, version in value["versions"].items()},
    )


def _plain_series(series: Series) -> Mapping[str, object]:
    return {name: getattr(series, name) for name in ("name", "along", "written", "control", "stride", "line")}


def _series(value: Mapping[str, Any]) -> Series:
    written, control = (tuple(map(_number, value[name])) for name in ("written", "control"))
    stride, line = int(value["stride"]), bool(value["line"])
    return Series(str(value["name"]), str(value["along"]), written, control, stride, line)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _read(file: Path) -> dict[str, Any] | None:
    from trainlint.small_files import read_small

    content = read_small(file, LARGEST)
    try:
        entry = json.loads(content) if content is not None else None
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _write(file: Path, entry: Mapping[str, object]) -> None:
    """The whole entry or none of it."""
    passing = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        text = json.dumps(entry)
        if len(text) > LARGEST:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        passing.write_text(text, encoding="ascii")
        os.replace(passing, file)
    except (OSError, ValueError, TypeError):
        with contextlib.suppress(OSError):
            passing.unlink()
