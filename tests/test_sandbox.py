"""Programs that mean harm: the parent survives each, nothing gets out, nothing is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from trainlint.verify.interpreter import VerifyError
from trainlint.verify.sandbox import Sandbox

pytest.importorskip("torch", reason="the sandboxed child imports torch")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="experiments are forked")

REQUEST = {
    "path": "hostile.py",
    "focus": [],
    "seed": 0,
    "steps": 2,
    "epochs": 1,
    "device": "cpu",
    "memory": 1 << 30,
}
LIBC = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"


def run(sandbox, program, seconds=5.0, **more):
    return sandbox.ask({**REQUEST, "program": textwrap.dedent(program), "seconds": seconds, **more})


def wall(sandbox, name):
    if name not in sandbox.protections:
        pytest.skip(f"this system has no {name}")


def raised(answer):
    assert answer["outcome"] == "ended", answer
    return answer["answer"]["raised"] or {}


def still_works(sandbox):
    assert raised(run(sandbox, "x = 1 + 1")) == {}


def test_an_endless_loop_is_ended(sandbox):
    began = time.monotonic()
    assert run(sandbox, "while True: pass", seconds=0.5)["outcome"] == "timed-out"
    assert time.monotonic() - began < 5
    still_works(sandbox)


def test_a_program_that_swallows_every_exception_is_ended(sandbox):
    program = """
        import signal
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            try:
                while True: pass
            except BaseException: pass
    """
    assert run(sandbox, program, seconds=0.5)["outcome"] == "timed-out"
    still_works(sandbox)


def test_a_memory_hog_is_ended(sandbox):
    program = "block = []\nwhile True: block.append(bytearray(b'x') * (16 << 20))"
    assert run(sandbox, program, memory=512 << 20)["outcome"] == "out-of-memory"
    still_works(sandbox)


def test_a_fork_bomb_does_not_multiply(sandbox):
    assert raised(run(sandbox, "import os\nwhile True: os.fork()"))["type"] == "PermissionError"
    wall(sandbox, "system call filter")
    program = LIBC + "children = [libc.fork() for _ in range(100)]\nassert set(children) == {-1}, children"
    assert raised(run(sandbox, program)) == {}


def test_threads_without_end_are_ended(sandbox):
    program = """
        import threading
        stop = threading.Event()
        while True: threading.Thread(target=stop.wait, daemon=True).start()
    """
    assert run(sandbox, program)["outcome"] in ("died", "too-many-tasks", "timed-out", "out-of-memory")
    still_works(sandbox)


def test_files_outside_cannot_be_deleted_or_written(sandbox, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    for program in (
        f"import os\nos.remove({str(precious)!r})",
        f"import shutil\nshutil.rmtree({str(tmp_path)!r})",
    ):
        assert raised(run(sandbox, program))["type"] == "PermissionError"
    wall(sandbox, "landlock")
    path = str(precious).encode()
    run(
        sandbox,
        LIBC + f"libc.unlink({path!r}); libc.truncate({path!r}, 0); libc.rename({path!r}, {path + b'2'!r})",
    )
    run(sandbox, f"import os\nos.open({str(tmp_path / 'new')!r}, os.O_CREAT | os.O_WRONLY)")
    assert precious.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [precious]


def test_what_a_program_writes_by_full_path_lands_in_its_own_folder(sandbox, tmp_path):
    target = tmp_path / "results" / "log.txt"
    program = f"""
        import os
        os.makedirs({str(target.parent)!r})
        with open({str(target)!r}, "w") as stream: stream.write("kept")
        assert open({str(target)!r}).read() == "kept"
    """
    assert raised(run(sandbox, program)) == {}
    assert not target.parent.exists()


def test_secrets_cannot_be_read(sandbox, tmp_path):
    wall(sandbox, "landlock")
    (tmp_path / "id_rsa").write_text("secret")
    assert raised(run(sandbox, f"open({str(tmp_path / 'id_rsa')!r}).read()"))["type"] == "PermissionError"
    assert raised(run(sandbox, f"import os\nos.listdir({str(tmp_path)!r})"))["type"] == "PermissionError"
    assert raised(run(sandbox, f"open('/proc/{os.getpid()}/environ').read()"))["type"] == "PermissionError"


def test_symbolic_links_lead_nowhere(sandbox, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    program = f"""
        import os
        os.symlink({str(precious)!r}, "link")
        open("link", "w").write("overwritten")
    """
    assert raised(run(sandbox, program))["type"] in ("PermissionError", "OSError")
    run(sandbox, f"import os\nos.symlink({str(tmp_path)!r}, 'folder')")  # the clean-up must not follow it
    assert precious.read_text() == "kept"


def test_there_is_no_network(sandbox):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        program = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)"
        assert raised(run(sandbox, program))["type"] == "PermissionError"
        if {"system call filter", "network namespace"} & set(sandbox.protections):
            run(sandbox, LIBC + "print(libc.socket(2, 1, 0), libc.socket(16, 3, 0))")
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_parent_cannot_be_signalled(sandbox):
    wall(sandbox, "process namespace")
    program = f"assert [libc.kill(p, 9) for p in ({os.getpid()}, os.getppid() or -1)] == [-1, -1]"
    assert raised(run(sandbox, LIBC + program)) == {}
    assert raised(run(sandbox, "import os, signal\nos.kill(os.getppid(), 9)"))["type"] == "PermissionError"
    still_works(sandbox)


def test_other_processes_cannot_be_traced(sandbox):
    wall(sandbox, "system call filter")
    program = f"assert [libc.ptrace(16, {os.getpid()}, 0, 0), libc.unshare(0x10000000)] == [-1, -1]"
    assert raised(run(sandbox, LIBC + program)) == {}


def test_other_programs_cannot_be_started(sandbox, tmp_path):
    marker = tmp_path / "marker"
    program = f"""
        import os, pickle
        class Payload:
            def __reduce__(self): return os.system, ("touch {marker}",)
        pickle.loads(pickle.dumps(Payload()))
    """
    said = raised(run(sandbox, program))["type"]
    assert said in ("PermissionError", "AttributeError")  # what stands in for `os.system` is in no module
    assert not marker.exists()
    wall(sandbox, "system call filter")
    assert raised(run(sandbox, LIBC + "assert libc.system(b'true') != 0")) == {}


def test_a_flood_of_output_is_ignored(sandbox):
    assert raised(run(sandbox, "for _ in range(20000): print('x' * 1000)")) == {}


def test_a_flood_in_the_account_is_cut(sandbox):
    program = """
        import os
        for handle in range(3, 64):
            try:
                while True: os.write(handle, b"x" * 65536)
            except OSError: pass
    """
    assert run(sandbox, program)["outcome"] in ("flooded", "tampered", "died")
    still_works(sandbox)


def test_a_forged_account_cannot_break_the_parent(sandbox):
    for forged in ("[" * 100_000, '{"events": 3}', "\\xff\\xfe"):
        program = f"""
            import os
            for handle in range(3, 64):
                try: os.write(handle, b'{forged}\\n')
                except OSError: pass
            os._exit(0)
        """
        assert "outcome" in run(sandbox, program)
    still_works(sandbox)


def test_leaving_without_an_account_is_noticed(sandbox):
    assert run(sandbox, "import os\nos._exit(0)")["outcome"] == "died"
    assert run(sandbox, "import ctypes\nctypes.string_at(0)")["outcome"] == "died"


def test_replacing_the_recorder_is_noticed(sandbox):
    program = "import torch\ntorch.autograd.backward = lambda *a, **k: None"
    assert run(sandbox, program)["answer"]["tampered"]


def test_writing_much_does_not_fill_the_disk(sandbox):
    wall(sandbox, "private folder")
    program = "for i in range(100):\n    with open(f'{i}', 'wb') as f: f.write(bytes(64 << 20))"
    assert raised(run(sandbox, program, seconds=20.0))["type"] == "OSError"


def test_nothing_is_left_behind():
    with Sandbox(sys.executable, unsafe=True) as child:
        assert child._child is not None
        folder, process = child._scratch, child._child.pid
        run(child, "import os\nos.makedirs('a/b'); os.chmod('a', 0)\nwhile True: pass", seconds=0.3)
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(process, 0)
    assert not [name for name in os.listdir("/proc") if name.isdigit() and folder in _environment(name)]


def _environment(process):
    try:
        return Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_experiments_fork_safely_after_a_large_step():
    """OpenMP's threads do not survive a fork: with one thread before it, a large step after it must end."""
    program = """
        import os, sys, importlib, runpy
        names = runpy.run_path(os.path.join(sys.argv[1], "__main__.py"), run_name="door")
        names["open_package"]()
        warm = importlib.import_module(names["PACKAGE"] + ".warm")
        warm.warm_up()
        import torch
        def step():
            layer = torch.nn.Linear(1500, 1500)
            torch.relu(layer(torch.ones(1500, 1500))).sum().backward()
        with torch.no_grad(): torch.nn.Linear(1500, 1500)(torch.ones(1500, 1500))
        if not os.fork():
            torch.set_num_threads(2)
            step()
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
    """
    import trainlint.verify

    folder = str(Path(trainlint.verify.__file__).parent / "child")
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), folder], check=True, timeout=120)


def test_without_protections_verify_refuses_and_names_the_flag():
    with pytest.raises(VerifyError, match="--unsafe-no-sandbox"), Sandbox(sys.executable, kernel=False):
        pass


def test_the_flag_runs_it_all_the_same(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    with Sandbox(sys.executable, kernel=False, unsafe=True) as child:
        assert "landlock" not in child.protections and "audit hook" in child.protections
        assert raised(run(child, f"import os\nos.remove({str(precious)!r})"))["type"] == "PermissionError"
        assert run(child, "while True: pass", seconds=0.3)["outcome"] == "timed-out"
        assert child._child is not None
        child._kill()  # and a child that is lost is an answer, not an exception
        child._child.wait()
        assert run(child, "x = 1")["outcome"] == "sandbox-lost"
    assert precious.exists()


def test_a_child_that_cannot_start_is_one_clear_line(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no libraries >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(VerifyError, match="no libraries") as told, Sandbox(str(broken)):
        pass
    assert "\n" not in str(told.value)
