"""Ways out of the sandbox that were tried, one by one, and what stays behind when a sandbox ends."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trainlint.verify
from tests.test_sandbox import LIBC, raised, run, still_works, wall
from trainlint.cli import main
from trainlint.verify.judge import read_run
from trainlint.verify.place import home_of, readable
from trainlint.verify.sandbox import Sandbox

pytest.importorskip("torch", reason="the sandboxed child imports torch")
CHILD = str(Path(trainlint.verify.__file__).parent / "child")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="experiments are forked")


@pytest.fixture(scope="module")
def sandbox():
    """One for all, and afterwards nothing of it may run or lie about."""
    os.environ["A_SECRET_OF_THE_USER"] = "hunter2"
    before = set(os.listdir("/dev/shm")) if Path("/dev/shm").is_dir() else set()
    with Sandbox(sys.executable, unsafe=True) as child:
        folder = child._scratch
        yield child
        assert sorted(os.listdir(folder)) == ["errors", "inductor"], (
            "experiments leave nothing in the folder of the sandbox"
        )
    del os.environ["A_SECRET_OF_THE_USER"]
    assert not Path(folder).exists()
    assert not processes_of(folder)
    assert not {name for name in os.listdir("/dev/shm") if name.startswith("torch_")} - before


def processes_of(folder):
    """All processes that have a sandbox's folder in their environment: the child, keepers, experiments."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if folder.encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
    return found


def refused(sandbox, program, **more):
    """The program ran to its end and each of its attempts was refused: it asserts that itself."""
    assert raised(run(sandbox, program, **more)) == {}


def write_in_project(folder, name, content):
    project = folder / "project"
    project.mkdir(exist_ok=True)
    (project / ".git").mkdir(exist_ok=True)
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return project


def in_project(project):
    return home_of(project / "train.py", "").request()


# Processes


@pytest.mark.parametrize("name", ["fork", "vfork"])
def test_no_system_call_makes_a_process(sandbox, name):
    wall(sandbox, "system call filter")
    refused(sandbox, LIBC + f"assert libc.{name}() == -1")


@pytest.mark.parametrize(
    "program",
    [
        "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()",
        "import multiprocessing\nmultiprocessing.get_context('spawn').Process(target=print).start()",
        "import os\nos.posix_spawn('/bin/true', ['true'], {})",
        "import pty\npty.fork()",
    ],
)
def test_no_module_makes_a_process(sandbox, program):
    assert raised(run(sandbox, program))["type"] in ("PermissionError", "OSError")


def test_a_program_that_is_said_to_have_run_has_not(sandbox, tmp_path):
    marker = tmp_path / "marker"
    run(sandbox, f"import os, subprocess\nsubprocess.run(['touch', '{marker}'])\nos.system('touch {marker}')")
    assert not marker.exists()


def test_no_process_is_signalled_whatever_the_call(sandbox):
    wall(sandbox, "system call filter")
    parent = os.getpid()
    program = f"""
assert [libc.kill(-1, 9), libc.kill(0, 9), libc.kill({parent}, 9), libc.killpg({parent}, 9)] == [-1] * 4
assert [libc.syscall(434, {parent}, 0), libc.syscall(424, 3, 9, 0, 0)] == [-1, -1]  # pidfd_open, pidfd_send_signal
assert libc.sigqueue({parent}, 9, 0) == -1
assert libc.tgkill({parent}, {parent}, 9) == -1
"""
    refused(sandbox, LIBC + program)
    still_works(sandbox)


def test_no_process_is_looked_into(sandbox):
    wall(sandbox, "system call filter")
    parent = os.getpid()
    program = f"""
buffer = ctypes.create_string_buffer(64)
assert libc.process_vm_readv({parent}, buffer, 1, buffer, 1, 0) == -1
assert libc.ptrace(0, 0, 0, 0) == -1
for name in ("environ", "cmdline", "maps", "mem", "fd", "root", "cwd", "status"):
    try: os.listdir(f"/proc/{parent}/" + name) if name in ("fd", "root", "cwd") else open(f"/proc/{parent}/" + name).read()
    except OSError: continue
    raise AssertionError(name)
"""
    wall(sandbox, "landlock")
    refused(sandbox, LIBC + program)


def test_stopping_itself_gains_no_time(sandbox):
    """In a process namespace of its own it cannot even be stopped."""
    for program in ("import os\nos.kill(os.getpid(), 19)", LIBC + "libc['raise'](19)"):
        began = time.monotonic()
        assert run(sandbox, program, seconds=0.5)["outcome"] in ("timed-out", "ended")
        assert time.monotonic() - began < 5


# Files


def test_modes_owners_and_times_of_files_outside_stay(sandbox, tmp_path):
    """Landlock leaves these alone; read-only file systems or the system call filter do not."""
    if not {"read-only file systems", "system call filter"} & set(sandbox.protections):
        pytest.skip("this system has neither read-only file systems nor a system call filter")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    before = precious.stat()
    path = str(precious).encode()
    program = f"""
path = {path!r}
assert [libc.chmod(path, 0), libc.chown(path, 1, 1), libc.utimes(path, None)] == [-1] * 3
assert libc.setxattr(path, b"user.note", b"x", 1, 0) == -1
"""
    refused(sandbox, LIBC + program)
    assert precious.stat() == before


def test_without_mounts_the_filter_keeps_modes_and_owners(tmp_path):
    """Where no user namespaces are granted, the system call filter stands in for read-only file systems."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    program = f"""
import importlib, os, runpy
names = runpy.run_path({CHILD!r} + "/__main__.py", run_name="door")
names["open_package"]()
if not importlib.import_module(names["PACKAGE"] + ".seccomp").restrict(False, False): raise SystemExit(7)
for change in (os.chmod, lambda path, mode: os.chown(path, 1, 1), lambda path, mode: os.utime(path)):
    try: change({str(precious)!r}, 0)
    except PermissionError: continue
    raise SystemExit(1)
"""
    code = subprocess.run([sys.executable, "-c", program], check=False).returncode
    if code == 7:
        pytest.skip("this system has no system call filter")
    assert code == 0 and precious.stat().st_mode & 0o777


def test_the_project_can_be_read_and_not_changed(sandbox, tmp_path):
    wall(sandbox, "landlock")
    project = write_in_project(tmp_path, "train.py", "x = 1\n")
    path = str(project / "train.py").encode()
    program = f"""
assert open({path!r}).read() == "x = 1\\n"
assert [libc.unlink({path!r}), libc.rename({path!r}, b"moved"), libc.link({path!r}, b"linked")] == [-1] * 3
assert [libc.open({path!r}, 1), libc.creat({str(project / "new").encode()!r}, 0o600)] == [-1, -1]
assert libc.symlink(b"/", {str(project / "link").encode()!r}) == -1
"""
    refused(sandbox, LIBC + program, **in_project(project))
    assert sorted(entry.name for entry in project.iterdir()) == [".git", "train.py"]
    assert (project / "train.py").read_text() == "x = 1\n"


def test_installed_packages_cannot_be_changed(sandbox):
    wall(sandbox, "landlock")
    program = """
import torch, json
for file in (torch.__file__, json.__file__, os.__file__):
    folder = os.path.dirname(file)
    assert libc.open(file.encode(), 1) == -1
    assert libc.creat(os.path.join(folder, "planted.pth").encode(), 0o600) == -1
"""
    refused(sandbox, LIBC + program)


def test_a_link_in_the_project_leads_nowhere(sandbox, tmp_path):
    wall(sandbox, "landlock")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "id_rsa").write_text("secret")
    project = write_in_project(tmp_path, "train.py", "")
    (project / "folder").symlink_to(tmp_path / "elsewhere")
    (project / "key").symlink_to(tmp_path / "elsewhere" / "id_rsa")
    program = f"""
        import os
        for path in ("key", "folder/id_rsa", "../elsewhere/id_rsa"):
            try: open(os.path.join({str(project)!r}, path)).read()
            except PermissionError: continue
            raise AssertionError(path)
    """
    refused(sandbox, program, **in_project(project))


def test_what_is_hidden_in_a_home_stays_hidden_where_the_project_is_the_home(sandbox, tmp_path, monkeypatch):
    wall(sandbox, "landlock")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").write_text("secret")
    (tmp_path / "helpers.py").write_text("value = 3\n")
    (tmp_path / "train.py").write_text("import helpers\n")
    request = home_of(tmp_path / "train.py", "import helpers\n").request()
    program = f"""
        import helpers
        assert helpers.value == 3
        try: open({str(tmp_path / ".ssh" / "id_rsa")!r}).read()
        except PermissionError: pass
        else: raise AssertionError
    """
    refused(sandbox, program, **request)
    assert str(tmp_path / "helpers.py") in readable(str(tmp_path))


def test_what_a_program_locks_is_removed_all_the_same(tmp_path):
    """Without the rights of root, a folder of mode 0 cannot be entered to remove what is in it."""
    locked = tmp_path / "scratch" / "a" / "b"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    (locked.parent / "link").symlink_to(tmp_path)
    program = f"""
import importlib, os, runpy
names = runpy.run_path({CHILD!r} + "/__main__.py", run_name="door")
names["open_package"]()
importlib.import_module(names["PACKAGE"] + ".kernel").drop_capabilities()
os.chmod({str(locked)!r}, 0); os.chmod({str(locked.parent)!r}, 0); os.chmod({str(tmp_path / "scratch")!r}, 0)
importlib.import_module(names["PACKAGE"] + ".keeper").remove({str(tmp_path / "scratch")!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_runs_code_runs_it_in_the_sandbox(tmp_path, capsys, monkeypatch):
    """All the way from the command line: the payload is executed, and gets nowhere."""
    marker = tmp_path / "marker"

    class Payload:
        def __reduce__(self):
            return exec, (f"import os; os.system('touch {marker}'); open({str(marker)!r}, 'w')",)

    project = write_in_project(tmp_path, "model.pt", pickle.dumps(Payload()))
    program = """
import pickle, torch
from torch import nn
model = nn.Linear(4, 2)
with open("model.pt", "rb") as stream:
    model.load_state_dict(pickle.load(stream))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,)))
    loss.backward()
    optimizer.step()
"""
    write_in_project(tmp_path, "train.py", program)
    monkeypatch.chdir(project)
    code = main(
        ["verify", "--isolated", "--select", "missing-zero-grad", "--output-format", "json", "train.py"]
    )
    output = json.loads(capsys.readouterr().out)
    assert code == 1 and [found["verdict"]["state"] for found in output["findings"]]
    assert not marker.exists()


# What a process has beside files


def test_no_socket_of_any_kind(sandbox):
    wall(sandbox, "system call filter")
    families = "AF_INET AF_INET6 AF_UNIX AF_NETLINK AF_PACKET AF_VSOCK AF_ALG"
    program = f"""
import socket
for family in {families!r}.split():
    assert libc.socket(getattr(socket, family), 1, 0) == -1, family
    try: socket.socket(getattr(socket, family), socket.SOCK_STREAM)
    except OSError: continue
    raise AssertionError(family)
"""
    refused(sandbox, LIBC + program)


def test_no_unix_socket_is_reached(sandbox, tmp_path):
    import socket

    for address in (str(tmp_path / "socket"), f"\0trainlint-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            listener.setblocking(False)
            program = f"import socket\nsocket.socket(socket.AF_UNIX).connect({address!r})"
            assert raised(run(sandbox, program))["type"] == "PermissionError"
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_nothing_is_inherited_but_the_account(sandbox):
    with open(__file__, "rb") as stream:
        os.set_inheritable(stream.fileno(), True)
        program = """
            import os, stat
            kinds = {}
            for handle in range(512):
                try: kinds[handle] = os.fstat(handle)
                except OSError: pass
            assert [os.path.samestat(kinds[handle], os.stat(os.devnull)) for handle in range(3)] == [True] * 3
            rest = [status for handle, status in kinds.items() if handle > 2]
            assert [stat.S_ISFIFO(status.st_mode) for status in rest] == [True], rest
        """
        refused(sandbox, program)


def test_the_users_environment_is_not_there(sandbox):
    program = """
        import os
        assert "hunter2" not in str(dict(os.environ)) + open("/proc/self/environ").read()
    """
    refused(sandbox, program)


def test_limits_and_clocks_cannot_be_moved(sandbox):
    program = """
        import resource, time
        for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_CORE", "RLIMIT_AS"):
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            assert hard != resource.RLIM_INFINITY, name
            try: resource.setrlimit(kind, (hard * 2, hard * 2))
            except (ValueError, PermissionError): pass
            else: raise AssertionError(name)
        try: time.clock_settime(time.CLOCK_REALTIME, 0)
        except PermissionError: pass
        else: raise AssertionError("clock")
    """
    refused(sandbox, program)


def test_a_crash_leaves_no_core(sandbox, tmp_path):
    """A limit of 1 is what the kernel takes for `none`, also where another program collects the cores."""
    program = "import os, resource\nassert resource.getrlimit(resource.RLIMIT_CORE) == (1, 1)\nos.abort()"
    before = set(os.listdir("."))
    answer = run(sandbox, program)
    assert answer["outcome"] == "died" and answer["detail"].startswith("signal")
    assert set(os.listdir(".")) == before


# Memory


def test_memory_that_belongs_to_no_process_cannot_be_had(sandbox):
    """What lies in memory files and shared segments is on no process's account, and outlives it."""
    wall(sandbox, "system call filter")
    program = """
try: os.memfd_create("hoard")
except PermissionError: pass
else: raise AssertionError("memfd_create")
assert [libc.shmget(0, 1 << 20, 0o1600), libc.msgget(0, 0o1600), libc.semget(0, 1, 0o1600)] == [-1] * 3
assert libc.syscall(447, 0) == -1  # memfd_secret
"""
    refused(sandbox, LIBC + program)


def test_a_huge_mapping_is_counted_as_it_fills(sandbox):
    program = """
        import mmap
        with open("sparse", "wb") as stream: stream.truncate(200 << 20)
        with open("sparse", "r+b") as stream:
            mapped = mmap.mmap(stream.fileno(), 0)
            mapped[0], mapped[-1] = 1, 1
        plain = mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE | 0x4000)  # costs nothing until it is touched
        for place in range(0, 64 << 30, 4096): plain[place] = 1
    """
    assert run(sandbox, program, memory=700 << 20, seconds=20.0)["outcome"] == "out-of-memory"
    program = "import mmap\nmapped = [mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE | 0x4000) for _ in range(99)]"
    assert (
        raised(run(sandbox, program))["type"] == "OSError"
    )  # the tables of so much space would be memory too


# The account


@pytest.mark.parametrize(
    "program",
    [
        "import atexit, time\natexit.register(time.sleep, 60)",
        "class Last:\n    def __del__(self):\n        while True: pass\nlast = Last()",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "import os\nos._exit = print",
        "import os, sys\nsys.exit = os.abort = os._exit = lambda *a: None",
        "import time\ntime.monotonic = time.time = time.perf_counter = lambda: 0.0",
        "import sys\nsys.addaudithook(lambda *event: None)",
        "import sys\nsys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
        "import gc\ngc.set_threshold(1)",
    ],
)
def test_nothing_runs_on_after_the_account(sandbox, program):
    began = time.monotonic()
    answer = run(sandbox, program, seconds=20.0)
    assert answer["outcome"] == "ended" and answer["answer"]["events"] is not None
    assert time.monotonic() - began < 10


def test_what_closes_its_account_and_stays_is_ended(sandbox):
    program = "import os\nos.closerange(3, 512)\nwhile True: pass"
    began = time.monotonic()
    assert run(sandbox, program, seconds=20.0)["outcome"] == "died"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "forged", [{"events": [], "raised": None}, {"events": [], "tampered": "", "token": ""}]
)
def test_an_account_of_the_programs_own_is_noticed(sandbox, forged):
    """It would have to find the keeper's token first, which a program that means harm can."""
    account = json.dumps(forged) + "\n"
    program = f"""
        import os
        for handle in range(1, 64):
            try: os.write(handle, {account.encode()!r})
            except OSError: pass
        os._exit(0)
    """
    assert run(sandbox, program)["outcome"] == "tampered"


def test_what_is_printed_is_no_account(sandbox):
    account = json.dumps({"protections": [], "events": [{"kind": "forged"}]})
    program = f"import os, sys\nprint({account!r}, flush=True)\nprint({account!r}, file=sys.stderr)\nos.write(1, b'x')"
    answer = run(sandbox, program)
    assert answer["outcome"] == "ended" and answer["answer"]["events"] == []


def test_an_account_that_another_parser_dies_of_hurts_nobody_else(sandbox):
    """The child's interpreter may take what ours refuses: numbers without end, nests without bottom."""
    for account in (
        "9" * 5000,
        "[" * 800 + "]" * 800,
        '"\\\\ud800"',
        "1e999",
        '{"a": ' * 30 + "1" + "}" * 30,
    ):
        program = f"""
            import json, sys
            frame = sys._getframe()
            while "token" not in frame.f_locals: frame = frame.f_back
            token = frame.f_locals["token"]
            json.dumps = lambda value: '{{"events": ' + {account!r} + ', "token": "' + token + '"}}'
        """
        answer = run(sandbox, program)
        assert answer["outcome"] in ("tampered", "died", "ended")
        read_run(answer, 0)
    still_works(sandbox)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("import torch\ntorch.nn.functional.mse_loss = lambda *a, **k: None", "mse_loss"),
        ("import torch\ntorch.optim.Optimizer.__init__ = lambda *a, **k: None", "begin"),
        ("from torch.nn.modules import module\nmodule._global_forward_pre_hooks.clear()", "enter"),
        (
            "import sys\nsys.modules['trainlint_sandbox.record'].Record.note = lambda *a, **k: {}",
            "Record.note",
        ),
    ],
)
def test_replacing_what_listens_is_noticed_and_named(sandbox, program, name):
    answer = run(sandbox, program)
    found = read_run(answer, 0)
    assert isinstance(found, tuple) and found[0] == "tampered" and name in found[1]


def test_wrapping_what_does_not_listen_is_nobodys_business(sandbox):
    program = """
        import functools, torch
        torch.load = functools.partial(torch.load, weights_only=False)
        torch.manual_seed = lambda seed: None
        class Mine(torch.optim.SGD):
            def step(self, closure=None): return super().step(closure)
    """
    assert run(sandbox, program)["answer"]["tampered"] == ""


def test_the_verdict_says_which_protections_held(sandbox):
    answer = run(sandbox, "while True: pass", seconds=0.3)
    assert answer["outcome"] == "timed-out"
    assert set(answer["protections"]) == set(sandbox.protections), "also where the program gave no account"
