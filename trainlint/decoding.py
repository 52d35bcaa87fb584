"""Bytes of a Python file into text and back, without losing one of them.

Python's own rules decide the encoding (byte-order mark, PEP 263 comment, else UTF-8). Whatever cannot be
read becomes one `SourceError` that names the line.
"""

from __future__ import annotations

import codecs
import re

from trainlint.records import dataclass

LARGEST = 5_000_000  # bytes; the largest hand-written files are far below, generated tables above

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_BLANK = re.compile(rb"^[ \t\f]*(?:#.*)?$")
_NEWLINE = re.compile(rb"\r\n?|\n")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class SourceError(Exception):
    """A file that cannot be read or parsed: one clear line, and the line number where there is one."""

    def __init__(self, path: str, line: int | None, message: str, kind: str = "unreadable") -> None:
        super().__init__(path, line, message, kind)
        self.path = path
        self.line = line
        self.message = message
        self.kind = kind

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's text is written: the codec, the byte-order mark, and whether writing gives the same bytes."""

    name: str = "utf-8"
    mark: bytes = b""
    exact: bool = True

    def encode(self, text: str) -> bytes:
        return self.mark + text.encode(self.name)


def decode(raw: bytes, path: str, largest: int = LARGEST) -> tuple[str, Encoding]:
    """The text of a Python file without its byte-order mark, and how to write it back."""
    if len(raw) > largest:
        raise SourceError(
            path, None, f"too large ({len(raw) / 1e6:.1f} MB, the limit is {largest / 1e6:.0f} MB)"
        )
    mark, name = _declared(raw, path)
    body = raw[len(mark) :]
    text = _decoded(body, name, path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(path, line, "contains a NUL byte, so it is not Python source")
    exact = name == "utf-8" or _written(text, name) == body
    return text, Encoding(name, mark, exact)


def encode_as_declared(text: str, path: str) -> bytes:
    """A text that never was a file, as the bytes that its file would be."""
    raw = text.encode("utf-8", "surrogatepass")
    _, name = _declared(raw, path)
    if name == "utf-8":
        return raw
    try:
        return text.encode(name)
    except UnicodeEncodeError as error:
        line = len(_NEWLINE.split(raw[: len(text[: error.start].encode())]))
        raise SourceError(
            path, line, f"{text[error.start]!r} does not exist in the declared {name}"
        ) from None


def _declared(raw: bytes, path: str) -> tuple[bytes, str]:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return mark, name
    for line in _NEWLINE.split(raw[:4096], maxsplit=2)[:2]:
        cookie = _COOKIE.match(line)
        if cookie is not None:
            return b"", _codec(cookie[1].decode("ascii"), path, 1 if raw.startswith(line) else 2)
        if not _BLANK.match(line):
            break
    return b"", "utf-8"


def _codec(declared: str, path: str, line: int) -> str:
    name = declared.lower().replace("_", "-")
    if name == "utf-8" or name.startswith(
        "utf-8-"
    ):  # as Python reads it, "utf-8-*-" and "utf-8-unix" included
        return "utf-8"
    if name in ("future-fstrings", "future-annotations"):
        return "utf-8"  # codecs that rewrite syntax; the text itself is UTF-8
    try:
        "#".encode(name)  # refuses codecs that are not for text, as rot13
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise SourceError(path, line, f"unknown encoding {declared!r} declared") from None


def _decoded(body: bytes, name: str, path: str) -> str:
    try:
        return body.decode(name)
    except UnicodeDecodeError as error:
        line = len(_NEWLINE.split(body[: error.start]))
        raise SourceError(path, line, f"not {name} text: {_fault(error)}") from None
    except (LookupError, UnicodeError, ValueError):
        raise SourceError(path, None, f"not text in the declared encoding {name!r}") from None


def _fault(error: UnicodeDecodeError) -> str:
    return f"byte 0x{error.object[error.start]:02x} ({error.reason})"


def _written(text: str, name: str) -> bytes | None:
    try:
        return text.encode(name)
    except (UnicodeError, ValueError):
        return None
