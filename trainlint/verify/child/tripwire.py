"""An audit hook that refuses what no experiment needs, in words that a person can read.

It is a tripwire, not a wall: it sees what goes through the interpreter. The walls are the kernel's.
"""

from __future__ import annotations

import os
import sys

CHANGES = {
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.truncate", "os.chflags",
    "os.lockf", "os.setxattr", "os.removexattr", "os.utime", "shutil.rmtree", "shutil.move",
}  # fmt: skip
REFUSED = {
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen",
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill", "os.killpg", "pty.spawn",
    "os.startfile", "urllib.Request", "ftplib.connect", "smtplib.connect", "telnetlib.Telnet.open",
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(folder: str, forks: bool = False) -> list[str]:
    """Refuse from now on; what was refused is added to the list that is returned."""
    tripped: list[str] = []
    home = os.path.realpath(folder) + os.sep
    refused = REFUSED - {"os.fork"} if forks else REFUSED

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" or event in CHANGES or event in refused:
            complaint = _complaint(event, arguments, home, refused)
            if complaint:
                tripped.append(complaint[:200])
                raise PermissionError("refused in the sandbox: " + complaint[:200])

    sys.addaudithook(watch)
    return tripped


def _complaint(event: str, arguments: tuple[object, ...], home: str, refused: set[str]) -> str:
    if event in refused:
        return f"{event}({', '.join(repr(argument) for argument in arguments[:2])})"
    path = arguments[0] if arguments else None
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITES):
        return ""
    if not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
        return ""  # a handle that is open already
    reached = os.path.realpath(os.fsdecode(path))
    if (reached + os.sep).startswith(home) or reached == os.devnull:
        return ""
    return f"{event}({reached!r})"
