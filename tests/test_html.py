"""The page for a browser: complete, whole by itself, safe against what it shows, and readable by everybody."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_report import NASTY, OUTPUT_SCHEMA, TRAIN, finding, retains, span, texts, verdict
from trainlint.cli import main
from trainlint.diagnostic import Failure, Report, Series
from trainlint.report import render
from trainlint.report.plot import draw, said, ticks_of
from trainlint.run import Event, Run
from trainlint.verify.series import MOST_POINTS, MOST_SERIES, series_of

VOID = {"meta", "input", "br", "circle", "rect", "line", "polyline"}
CSS = (Path(__file__).parent.parent / "trainlint" / "report" / "html.css").read_text(encoding="utf-8")
NODES = Series("graph nodes alive", "iteration", (12.0, 24.0, None, 48.0), (12.0, 12.0, 12.0))


class Page(HTMLParser):
    """The document as a browser sees it; a tag that is closed wrongly is an error."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(document)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def full_report(**changes: Any) -> Report:
    confirmed = verdict(
        measurements={
            "nodes_per_iteration": 12.0,
            "nodes": 31,
            "nodes_control": 7,
            "substituted": ["batches of 16"],
        },
        protections=("landlock", "time limit"),
        versions={"torch": "2.13.0", "cuda": ""},
        series=(NODES,),
    )
    found = (
        replace(retains(), verdict=confirmed),
        finding(span(TRAIN, "loss.backward()"), verdict=verdict(state="refuted", reason="no-symptom")),
        finding(span(TRAIN, "import torch"), name="other-rule", level="advice"),
    )
    return replace(Report(found, (Failure("broken.py", 3, "no Python"),), files=2), **changes)


def page(report: Report) -> Page:
    return Page(render("html", report, text_of=texts(train=TRAIN)))


def test_every_finding_is_told_with_its_place_message_code_and_verdict():
    shown = page(full_report())
    for words in (
        "loss-retains-graph error at 7:5", "running += loss keeps every step's graph alive", "7 | running += loss",
        "because of train.py:5:12: the loss is computed here", "Fix: add its number: running += loss.item()",
        "✔ confirmed: symptom", "live nodes grow from 12 to 96", "✘ refuted: no-symptom",
        "other-rule advice at 1:1", "– not run", "broken.py:3:1: unreadable: no Python", "batches of 16",
    ):  # fmt: skip
        assert words in shown.text, words
    assert [attributes["id"] for attributes in shown.all("article")] == [
        "finding-1",
        "finding-2",
        "finding-3",
    ]


def test_the_summary_says_what_ran_where_and_behind_which_protections():
    text = page(full_report()).text
    for words in (
        "2 errors, 1 advice in 2 files",
        "1 confirmed, 1 refuted",
        "torch 2.13.0",
        "landlock, time limit",
    ):
        assert words in text, words
    assert "cuda" not in text, "a version that is none is not told"


def test_a_verdict_of_an_earlier_run_says_so():
    remembered = replace(retains(), verdict=verdict(earlier=True))
    assert "cpu, 1.3 s, remembered from an earlier run" in page(Report((remembered,), files=1)).text


def test_a_report_without_findings_or_verdicts_is_a_page_too():
    assert "No findings." in page(Report(files=3)).text
    assert "Protections" not in page(Report((retains(),), files=1)).text


def test_the_page_needs_nothing_but_itself():
    document = render("html", full_report(), text_of=texts(train=TRAIN))
    assert not re.search(
        r"https?:|url\(|@import|<script|<link|<img|<iframe|\bsrc=|\bon\w+=|javascript:", document
    )
    policy = next(meta["content"] for meta in Page(document).all("meta") if "http-equiv" in meta)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_whatever_is_shown_stays_text():
    hostile = f"<script>alert(1)</script>\"'`</pre><b>`{NASTY}"
    series = Series(hostile, hostile, (1.0, 2.0), (1.0,))
    measured = {hostile: hostile, "substituted": [hostile]}
    proven = verdict(
        evidence=hostile, reason=hostile, device=hostile, measurements=measured, series=(series,),
        protections=(hostile,), versions={hostile: hostile},
    )  # fmt: skip
    code = hostile.replace("\x00", "").replace("\ud800", "")
    where = replace(span(code, "alert", "evil.py"), path=hostile)
    found = finding(where, name=hostile, message=hostile, verdict=proven)
    source = texts(evil=code)("evil.py")
    report = Report((found, found), (Failure(hostile, 1, hostile),), files=1)
    document = render("html", report, text_of=lambda path: source)
    shown = Page(document)
    usual = {name for name, _ in page(full_report()).tags}
    assert {name for name, _ in shown.tags} <= usual, "no element comes from what is shown"
    assert shown.text.count("<script>alert(1)</script>") > 15
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800-\udfff\ufffe]", document)
    document.encode("utf-8")


def test_structure_for_those_who_do_not_see_it():
    shown = page(full_report())
    levels = [int(name[1]) for name, _ in shown.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert shown.all("html")[0]["lang"] == "en"
    assert all("aria-label" in svg or svg.get("aria-hidden") for svg in shown.all("svg"))
    assert all(head.get("scope") in ("col", "row") for head in shown.all("th"))
    named = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
    assert len(named) == len(set(named))
    assert {str(link["href"]).removeprefix("#") for link in shown.all("a")} <= set(named)


def test_nothing_is_said_by_colour_alone():
    """Verdicts are words with a sign, the two programs differ in marks and dashes as well."""
    drawing = draw(NODES)
    assert drawing.count("<circle") == 3 and drawing.count("<rect") == 3
    assert "stroke-dasharray" in CSS


def test_each_verdict_has_a_filter_that_the_style_sheet_knows():
    shown = page(full_report())
    filters = [str(choice["id"]) for choice in shown.all("input") if "id" in choice]
    assert filters == ["show-confirmed", "show-refuted", "show-not-run"]
    for name in filters:
        assert (
            f'body:has(#{name}:checked) [data-state]:not([data-state~="{name.removeprefix("show-")}"])' in CSS
        )


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", range(3), ids=["light", "dark", "print"])
def test_colours_have_contrast(theme):
    """WCAG AA: 4.5 to 1 for words, 3 to 1 for what is drawn."""
    block = re.findall(r":root \{([^}]*)\}", CSS)[theme]
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for name, wanted in (
        *(
            (name, 4.5)
            for name in ("ink", "quiet", "link", "confirmed", "refuted", "inconclusive", "not-run")
        ),
        *((name, 3.0) for name in ("written", "control")),
    ):
        for ground in ("paper", "panel") if name != "ink" else ("paper", "panel", "mark"):
            bright, dark = sorted((luminance(colors[name]), luminance(colors[ground])), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= wanted, f"{name} on {ground}"


# The numbers


def test_the_numbers_are_those_of_the_json():
    report = full_report()
    document = json.loads(render("json", report))
    jsonschema.validate(document, OUTPUT_SCHEMA)
    told = document["findings"][0]["verdict"]
    rows = re.findall(
        r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', render("html", report).partition("</article>")[0]
    )
    shown = {name: re.findall(r'<td class="number">(.*?)</td>', cells) for name, cells in rows}
    assert shown["nodes"] == [
        said(told["measurements"]["nodes"]),
        said(told["measurements"]["nodes_control"]),
    ]
    series = told["series"][0]
    assert series["written"] == [12.0, 24.0, None, 48.0]
    for index, (written, control) in enumerate(zip(series["written"], [*series["control"], ""], strict=True)):
        assert shown[str(index)] == [said(written), "" if control == "" else said(control)]
    assert told["versions"] == {"torch": "2.13.0", "cuda": ""}


def test_a_number_that_is_not_finite_breaks_the_line_and_is_named():
    drawing = draw(NODES)
    assert drawing.count("<polyline") == 3  # two stretches as written, one of the control
    assert "1 of them not finite" in drawing
    assert draw(Series("loss", "step", (None,), (None, None))) == ""


@given(
    st.lists(st.floats(-1e300, 1e300) | st.none(), max_size=50), st.lists(st.floats(-1e3, 1e3), max_size=50)
)
def test_any_numbers_can_be_drawn_and_lie_within(written, control):
    drawing = draw(Series("a", "b", tuple(written), tuple(control), 3))
    if drawing:
        Page(drawing)
    for x, y in re.findall(r'cx="([^"]*)" cy="([^"]*)"', drawing):
        assert 0 <= float(x) <= 400 and 0 <= float(y) <= 190


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_there_is_room_for_the_numbers_beside_a_drawing(one, other):
    ticks = re.findall(r'text-anchor="end">([^<]*)</text>', draw(Series("a", "b", (one,), (other,))))
    assert ticks and max(map(len, ticks)) <= 10


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_ticks_are_few_and_around(one, other):
    ticks = ticks_of(min(one, other), max(one, other))
    assert 2 <= len(ticks) <= 8
    little = 1e-6 * max(abs(one), abs(other))
    assert ticks[0] <= min(one, other) + little and ticks[-1] >= max(one, other) - little


def losses(*values: float) -> tuple[Event, ...]:
    return tuple(
        Event("criterion", step, {"value": value, "gradients": True}) for step, value in enumerate(values)
    )


def batches(*orders: list[int]) -> tuple[Event, ...]:
    said = [{"trained": True, "passed": epoch, "indices": order} for epoch, order in enumerate(orders)]
    return tuple(Event("batch", 0, data) for data in said)


def test_series_are_few_short_and_rounded():
    written = Run(0, losses(*(1 / (n + 3) for n in range(1000)), float("nan")))
    (series,) = series_of(written, Run(0, losses(1.0, 2.0)))
    assert series.name == "loss" and series.stride == 26
    assert len(series.written) <= MOST_POINTS
    assert series.written[0] == 0.3333
    (series,) = series_of(Run(0, losses(1.0, float("inf"))), Run(0, losses(1.0)))
    assert series.written == (1.0, None)


def test_series_in_which_both_programs_do_the_same_are_left_out():
    same = Run(0, losses(1.0, 0.5) + batches([2, 1, 0]))
    assert not series_of(same, same)
    shuffled = series_of(Run(0, batches([0, 1, 2], [0, 1, 2])), Run(0, batches([2, 0, 1], [1, 0, 2])))
    assert [series.name for series in shuffled] == ["order of samples, epoch 1", "order of samples, epoch 2"]
    assert list(shuffled[0].written) == [0, 1, 2] and not shuffled[0].line
    assert "<polyline" not in draw(shuffled[0])


def iterations(*nodes: int) -> tuple[Event, ...]:
    return tuple(Event("iteration", 0, {"run": 1, "nodes": count, "bytes": 0}) for count in nodes)


def test_memory_is_drawn_where_it_grows_not_where_it_is_a_little_more():
    flat, growing = Run(0, iterations(0, 11, 11, 11)), Run(0, iterations(0, 11, 22, 33))
    assert not series_of(flat, Run(0, iterations(0, 10, 10, 10)))
    (series,) = series_of(growing, flat)
    assert series.name == "graph nodes alive" and list(series.control) == [0, 11, 11, 11]
    assert len(series_of(Run(0, losses(1.0) + iterations(1, 2, 3)), Run(0))) <= MOST_SERIES


# The command line


def test_a_page_that_cannot_be_written_is_told_before_anything_runs(tmp_path, capsys, monkeypatch):
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "--isolated", "--report", "missing/out.html", "train.py"]) == 2
    assert "--report missing/out.html cannot be written: No such file" in capsys.readouterr().err


def test_verify_writes_the_page_beside_its_output(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch", reason="runs an experiment")
    program = """
import torch
from torch import nn
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
running = 0
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,)))
    loss.backward()
    optimizer.step()
    running += loss
print(running)
"""
    (tmp_path / "train.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    arguments = ["verify", "--isolated", "--select", "loss-retains-graph", "--report", "out.html"]
    assert main([*arguments, "--output-format", "json", "train.py"]) == 1
    (told,) = json.loads(capsys.readouterr().out)["findings"]
    assert told["verdict"]["state"] == "confirmed" and told["verdict"]["versions"]["torch"]
    series = told["verdict"]["series"][0]
    assert series["name"] == "graph nodes alive" and series["written"][-1] > series["control"][-1]
    shown = Page((tmp_path / "out.html").read_text(encoding="utf-8"))
    assert "✔ confirmed: symptom" in shown.text and "graph nodes alive" in shown.text
    assert len(shown.all("figure")) == len(told["verdict"]["series"])
