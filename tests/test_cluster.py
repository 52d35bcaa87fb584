"""Experiments on a Ray cluster: a local one with two workers, some of which are lost on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_sandbox import REQUEST
from trainlint.book import open_book
from trainlint.cli import main
from trainlint.config import Config
from trainlint.lint import lint
from trainlint.source import read_source
from trainlint.verify import VerifyError, verify
from trainlint.verify.cluster import Cluster
from trainlint.verify.judge import read_run

EXAMPLE = Path(__file__).parent.parent / "docs" / "example"
BUSY = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass\n"


@pytest.fixture(scope="module")
def ray():
    pytest.importorskip("torch", reason="the sandboxed child imports torch")
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "trainlint[ray]"')
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def cluster(ray):
    with Cluster(sys.executable, unsafe=True, device="cpu", most=2) as joined:
        yield joined


def verdicts(executor):
    book = open_book()
    config = Config(root=EXAMPLE, select=("missing-zero-grad", "loss-retains-graph", "no-validation"))
    found = lint([EXAMPLE / "prices.py"], config, book, cwd=EXAMPLE).diagnostics
    for said in verify(
        found, lambda path: read_source(EXAMPLE / path, path), book,
        python=sys.executable, unsafe=True, around=[EXAMPLE], executor=executor, timeout=60.0,
    ):  # fmt: skip
        yield said.name, said.verdict and replace(said.verdict, seconds=0.0)


def test_the_verdicts_are_those_of_this_machine(ray):
    there = list(verdicts("ray"))
    assert there == list(verdicts("local"))
    assert [verdict and verdict.state for _, verdict in there] == [None, "confirmed", "confirmed"]
    assert ray.is_initialized(), "a cluster that was there stays"


def test_there_are_as_many_workers_as_there_is_work_for(cluster):
    assert cluster.workers == 2
    assert "time limit" in cluster.protections and cluster.versions["torch"]


def asked_of(ray, worker, question):
    return ray.get(worker.__ray_call__.remote(question))


@pytest.mark.parametrize(
    "whom",
    [lambda worker: os.getpid(), lambda worker: worker.sandbox._child.pid],
    ids=["worker", "its child"],
)
def test_what_a_lost_worker_was_at_is_run_again(ray, cluster, whom):
    lost = {worker: asked_of(ray, worker, whom) for worker in cluster._started}
    folders = [asked_of(ray, worker, lambda worker: worker.sandbox._scratch) for worker in lost]
    answers = []
    request = {**REQUEST, "program": BUSY, "seconds": 30.0, "root": str(EXAMPLE), "search": []}
    asking = [threading.Thread(target=lambda: answers.append(cluster.ask(request))) for _ in lost]
    for thread in asking:
        thread.start()
    time.sleep(1.5)
    for process in lost.values():
        os.kill(process, signal.SIGKILL)
    for thread in asking:
        thread.join(120)
    assert [answer["outcome"] for answer in answers] == ["ended", "ended"]
    deadline = time.monotonic() + 20
    while any(map(os.path.exists, folders)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(os.path.exists, folders)), "what a lost worker leaves is removed"


def test_a_worker_without_the_project_says_so(cluster):
    answer = cluster.ask({**REQUEST, "program": "", "seconds": 5.0, "root": "/no/such/project"})
    found = read_run(answer, 0)
    assert isinstance(found, tuple) and found[0] == "sandbox-lost" and "/no/such/project" in found[1]


def test_time_that_is_up_is_up_on_a_cluster_too(cluster):
    request = {**REQUEST, "program": BUSY, "seconds": 30.0}
    assert cluster.ask(request, time.monotonic() + 0.5) == {"outcome": "out-of-budget"}


def test_a_worker_where_nothing_can_run_is_one_clear_line(ray):
    with (
        pytest.raises(VerifyError, match=r"--python no-such-python: no such program"),
        Cluster("no-such-python", unsafe=True, device="cpu", most=1),
    ):
        pass


def test_without_ray_the_option_names_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    select = ["--isolated", "--select", "missing-zero-grad"]
    assert main(["verify", "--executor", "ray", *select, str(EXAMPLE / "prices.py")]) == 2
    assert 'pip install "trainlint[ray]"' in capsys.readouterr().err
