"""What people, editors and code hosts read: each format, with ordinary and with nasty findings."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlint.book import open_book
from trainlint.diagnostic import Because, Diagnostic, Edit, Failure, Fix, Location, Report, Verdict
from trainlint.report import FORMATS, render
from trainlint.report.excerpt import excerpt
from trainlint.source import Source, source_from_text

ROOT = Path(__file__).parent.parent
OUTPUT_SCHEMA = json.loads((ROOT / "trainlint" / "schemas" / "output.json").read_text(encoding="utf-8"))
SARIF_SCHEMA = json.loads((ROOT / "tests" / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
NASTY = 'say "100%", café 😀: a,b\r\n::error::\x1b[31m</failure>]]>&\x00\x0b\ufffe\ud800\u202e'

TRAIN = """\
import torch

running = 0
for x, y in loader:
    loss = criterion(model(x), y)
    loss.backward()
    running += loss
"""


def span(text: str, words: str, path: str = "train.py") -> Location:
    """Where some words stand in a text."""
    return source_from_text(text, path).location(text.index(words), text.index(words) + len(words))


def finding(where: Location, **changes: Any) -> Diagnostic:
    message = "`running += loss` keeps every step's graph alive"
    kept = Diagnostic("loss-retains-graph", "objective", "error", message, where, fingerprint="f1")
    return replace(kept, **changes)


def retains() -> Diagnostic:
    edit = Edit(replace(span(TRAIN, "running += loss"), start=99), ".item()")
    return finding(
        span(TRAIN, "running += loss"),
        because=(Because(span(TRAIN, "criterion(model(x), y)"), "the loss is computed here"),),
        fix=Fix("add its number: `running += loss.item()`", "safe", (edit,)),
    )


def verdict(**changes: Any) -> Verdict:
    measured = Verdict(
        "confirmed", "symptom", "live nodes grow from 12 to 96", {"nodes": (12, 96)}, "cpu", 1.26
    )
    return replace(measured, **changes)


def texts(**contents: str) -> Any:
    sources = {f"{name}.py": source_from_text(text, f"{name}.py") for name, text in contents.items()}
    return sources.get


def cell_place(path: str = "nb.ipynb") -> Location:
    return Location(path, 12, 5, 12, 20, 300, 315, cell=3)


SYNTAX = Failure("old.py", 3, "Python 2 print statement", "syntax")
CRASH = Failure("net.py", None, "rule missing-zero-grad failed: KeyError: 'x'", "internal-error")
NASTY_REPORT = Report(
    (
        finding(Location(f"a,b:c%/{NASTY}.py", 1, 1, 2, 3, 0, 30), message=NASTY, fingerprint=""),
        finding(
            cell_place(),
            message=NASTY,
            level="advice",
            because=(Because(cell_place(), NASTY),),
            fix=Fix(NASTY, "unsafe", (Edit(cell_place(), NASTY),)),
            verdict=verdict(evidence=NASTY, measurements={NASTY: (float("nan"), float("inf"), object())}),
        ),
    ),
    (Failure(NASTY, 7, NASTY, "unreadable"), Failure("", None, NASTY, "usage")),
    files=2,
)
ORDINARY = Report((retains(), finding(cell_place(), level="warning")), (SYNTAX, CRASH), files=4)


# --- text


def test_text_shows_what_where_why_and_what_to_do() -> None:
    report = Report((retains(),), files=1)
    assert render("text", report, text_of=texts(train=TRAIN)) == (
        "train.py:7:5: error[loss-retains-graph] `running += loss` keeps every step's graph alive\n"
        "  7 |     running += loss\n"
        "    |     ^^^^^^^^^^^^^^^\n"
        "    = because train.py:5:12: the loss is computed here\n"
        "  5 |     loss = criterion(model(x), y)\n"
        "    |            ----------------------\n"
        "    = help [*]: add its number: `running += loss.item()`\n"
        "\n"
        "Found 1 error in 1 file; 1 fixable with --fix.\n"
    )


def test_quiet_text_is_one_line_per_finding_and_failure() -> None:
    lines = render("text", ORDINARY, text_of=texts(train=TRAIN), quiet=True).splitlines()
    assert lines == [
        "train.py:7:5: error[loss-retains-graph] `running += loss` keeps every step's graph alive",
        "nb.ipynb:cell 3:12:5: warning[loss-retains-graph] `running += loss` keeps every step's graph alive",
        "old.py:3:1: error[syntax] Python 2 print statement",
        "net.py: error[internal-error] rule missing-zero-grad failed: KeyError: 'x'",
    ]


def test_the_summary_counts_levels_fixes_failures_and_what_is_hidden() -> None:
    unsafe = Fix("use another loss", "unsafe", ())
    found = (
        retains(),
        finding(cell_place(), level="warning", fix=unsafe),
        finding(cell_place(), level="advice"),
    )
    text = render("text", Report(found, (SYNTAX,), files=9, suppressed=2, baselined=1, stale=1))
    assert text.endswith(
        "\nFound 1 error, 1 warning, 1 advice in 9 files;"
        " 1 fixable with --fix, 1 more with --fix --unsafe-fixes.\n"
        "1 failure: not everything could be checked.\n"
        "Not shown: 2 suppressed by comments, 1 known to the baseline.\n"
        "The baseline has 1 entry that nothing matches any more.\n"
    )
    assert "help: use another loss (with --unsafe-fixes)" in text


def test_a_clean_run_says_so_and_a_quiet_one_nothing() -> None:
    assert render("text", Report(files=12)) == "No findings in 12 files.\n"
    assert render("text", Report(files=12), quiet=True) == ""
    assert "No findings" not in render("text", Report(failures=(CRASH,), files=12))


def test_a_verdict_stands_beneath_its_finding_and_in_the_summary() -> None:
    text = render("text", Report((replace(retains(), verdict=verdict()),), files=1))
    assert "    = confirmed: live nodes grow from 12 to 96 (cpu, 1.3 s)\n" in text
    assert text.endswith("Executed: 1 confirmed.\n")


def test_colour_comes_only_when_told_and_changes_no_character() -> None:
    plain = render("text", ORDINARY, text_of=texts(train=TRAIN))
    coloured = render("text", ORDINARY, text_of=texts(train=TRAIN), color=True)
    assert "\x1b" not in plain
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_nothing_of_a_finding_reaches_the_terminal_as_a_command() -> None:
    text = render(
        "text", NASTY_REPORT, text_of=lambda path: source_from_text("x = '\x1b[2J\u202e'\ny\n", "a.py")
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)
    assert "\\x1b[31m" in text
    first = text.splitlines()[0]
    assert "error[loss-retains-graph] say" in first and "::error::" in first


def underlined(line: str, words: str, room: int = 100) -> str:
    """The part of the shown line above the marks, for a line of plain narrow characters."""
    (row,) = excerpt(line, span(line, words), room)
    return row.text[row.mark_from : row.mark_from + row.mark_width]


def test_the_mark_stands_under_the_words() -> None:
    assert underlined("total = total + loss", "total + loss") == "total + loss"
    assert underlined("\tif x:\ttotal += loss\t# why", "total += loss") == "total += loss"


def test_the_mark_counts_wide_and_combining_characters_as_terminals_do() -> None:
    (row,) = excerpt("s = '学习率' + loss", span("s = '学习率' + loss", "loss"), 100)
    assert (row.mark_from, row.mark_width) == (len("s = '") + 6 + len("' + "), 4)
    (row,) = excerpt("s = 'e\u0301' + loss", span("s = 'e\u0301' + loss", "loss"), 100)
    assert row.mark_from == len("s = 'e' + ")


def test_a_long_line_is_cut_around_its_mark() -> None:
    line = "a = [" + "1, " * 200 + "loss, " + "2, " * 200 + "]"
    (row,) = excerpt(line, span(line, "loss"), 60)
    assert len(row.text) <= 60
    assert row.text.startswith("...") and row.text.endswith("...")
    assert underlined(line, "loss", 60) == "loss"
    (row,) = excerpt(line, span(line, line), 60)
    assert len(row.text) <= 60 and row.mark_from + row.mark_width <= 60


def test_a_span_of_several_lines_is_marked_on_each_and_shortened() -> None:
    call = "loss = criterion(\n    model(x),\n    y,\n)\n"
    rows = excerpt(call, span(call, call[7:-1]), 100)
    assert [row.text for row in rows] == call.splitlines()
    assert [(row.mark_from, row.mark_width) for row in rows] == [(7, 10), (4, 9), (4, 2), (0, 1)]
    loop = "for x in y:\n" + "".join(f"    step({n})\n" for n in range(30)) + "after()\n"
    rows = excerpt(loop, span(loop, loop[: loop.index("after")]), 100)
    assert [row.text.strip() for row in rows] == ["for x in y:", "step(0)", "...", "step(29)"]
    assert [row.number for row in rows] == [1, 2, None, 31]


def test_an_insertion_at_the_end_of_a_line_has_a_caret() -> None:
    (row,) = excerpt("a\r\nloss\r\nb", Location("a.py", 2, 5, 2, 5, 7, 7), 100)
    assert (row.text, row.mark_from, row.mark_width) == ("loss", 4, 1)


def test_places_of_another_text_show_no_excerpt() -> None:
    text = render("text", Report((retains(),), files=1), text_of=texts(train="short\n"))
    assert "|" not in text


@given(
    st.text(alphabet=st.sampled_from("ab\t 学\u0301\r\n\x1b😀\u200d"), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(20, 50),
)
def test_any_place_of_any_text_has_an_excerpt_that_fits(text: str, one: int, other: int, room: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    source: Source = source_from_text(text.encode(), "a.py")
    if len(source.written) != len(text):
        return  # a byte-order mark went
    where = source.location(start, end)
    for row in excerpt(source.written, where, room):
        assert not re.search("[\x00-\x1f\x7f]", row.text)
        assert row.mark_from + row.mark_width <= room + 1


def documented_matchers() -> list[dict[str, Any]]:
    """The problem matchers that the documentation offers for Visual Studio Code."""
    (block,) = re.findall(
        r"^```json\n(.*?)^```", (ROOT / "docs/editors.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    matchers: list[dict[str, Any]] = json.loads(block)["tasks"][0]["problemMatcher"]
    return matchers


def test_the_documented_problem_matchers_read_every_finding_once() -> None:
    advice = finding(span(TRAIN, "running = 0"), level="advice")
    report = replace(ORDINARY, diagnostics=(*ORDINARY.diagnostics, advice), failures=(SYNTAX,))
    read = []
    for line in render("text", report, text_of=texts(train=TRAIN)).splitlines():
        for matcher in documented_matchers():
            pattern = matcher["pattern"]
            if found := re.match(pattern["regexp"], line):
                keys = ("file", "line", "severity", "code")
                read.append(tuple(found[pattern[key]] for key in keys if key in pattern))
    assert read == [
        ("train.py", "7", "error", "loss-retains-graph"),
        ("nb.ipynb",),
        ("train.py", "3", "advice", "loss-retains-graph"),
        ("old.py", "3", "error", "syntax"),
    ]


# --- json


def test_json_has_the_documented_keys_and_fits_its_schema() -> None:
    document = json.loads(
        render("json", Report((replace(retains(), verdict=verdict()),), (SYNTAX,), files=2))
    )
    jsonschema.Draft7Validator.check_schema(OUTPUT_SCHEMA)
    jsonschema.validate(document, OUTPUT_SCHEMA)
    assert list(document) == ["version", "findings", "failures", "summary"]
    (found,) = document["findings"]
    asked = "name family level message path line column end_line end_column cell because certainty fix fingerprint"
    assert set(found) == {*asked.split(), "verdict"}
    assert (found["path"], found["line"], found["column"], found["cell"]) == ("train.py", 7, 5, None)
    assert found["because"] == [
        {"path": "train.py", "cell": None, "line": 5, "column": 12, "message": "the loss is computed here"}
    ]
    (edit,) = found["fix"]["edits"]
    assert set(edit) == {"path", "cell", "line", "column", "end_line", "end_column", "text"}
    assert found["fix"]["applicability"] == "safe"
    assert found["verdict"]["measurements"] == {"nodes": [12, 96]}
    assert document["failures"] == [
        {"path": "old.py", "line": 3, "message": "Python 2 print statement", "kind": "syntax"}
    ]
    assert document["summary"]["errors"] == 1


def test_absent_fixes_and_verdicts_are_null() -> None:
    (found,) = json.loads(render("json", Report((finding(cell_place()),))))["findings"]
    assert (found["fix"], found["verdict"], found["cell"]) == (None, None, 3)


def test_json_lines_holds_the_same_objects_one_a_line() -> None:
    document = json.loads(render("json", ORDINARY))
    lines = [json.loads(line) for line in render("json-lines", ORDINARY).splitlines()]
    kinds = [line.pop("type") for line in lines]
    assert kinds == ["finding", "finding", "failure", "failure", "summary"]
    assert lines == [*document["findings"], *document["failures"], document["summary"]]


# --- sarif


def sarif_run(report: Report, **options: Any) -> Any:
    document = json.loads(render("sarif", report, **options))
    jsonschema.Draft7Validator(SARIF_SCHEMA).validate(document)
    (run,) = document["runs"]
    return run


@pytest.mark.parametrize("report", [Report(), ORDINARY, NASTY_REPORT], ids=["clean", "ordinary", "nasty"])
def test_sarif_fits_the_standard(report: Report) -> None:
    run = sarif_run(report, pages=open_book().pages, exit_code=1)
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(run["results"]) == len(report.diagnostics)


def test_sarif_carries_the_pages_of_rules() -> None:
    page = next(page for page in open_book().pages if page.name == "softmax-before-cross-entropy")
    (rule,) = sarif_run(Report(), pages=(page,))["tool"]["driver"]["rules"]
    assert rule["id"] == page.name
    assert rule["shortDescription"]["text"] == page.title
    assert rule["defaultConfiguration"]["level"] == "error"
    assert "```python\n" in rule["help"]["markdown"]  # without our own marks behind the language
    assert rule["help"]["text"]


def test_sarif_results_point_to_their_rule_place_reasons_and_fix() -> None:
    page = next(page for page in open_book().pages if page.name == "softmax-before-cross-entropy")
    run = sarif_run(Report((retains(),)), pages=(page,))
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "loss-retains-graph"
    where = result["locations"][0]["physicalLocation"]
    assert where["artifactLocation"] == {"uri": "train.py", "uriBaseId": "%SRCROOT%"}
    assert where["region"] == {"startLine": 7, "startColumn": 5, "endLine": 7, "endColumn": 20}
    assert result["partialFingerprints"] == {"trainlint/v1": "f1"}
    assert result["relatedLocations"][0]["message"]["text"] == "the loss is computed here"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": ".item()"}


def test_sarif_levels_of_the_three_levels() -> None:
    levels = ("error", "warning", "advice")
    run = sarif_run(Report(tuple(finding(cell_place(), level=level) for level in levels)))
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]


def test_sarif_tells_of_failures_as_notifications() -> None:
    (invocation,) = sarif_run(ORDINARY, exit_code=2)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 2
    syntax, crash = invocation["toolExecutionNotifications"]
    assert syntax["message"]["text"] == "Python 2 print statement"
    assert syntax["locations"][0]["physicalLocation"]["region"]["startLine"] == 3
    assert crash["descriptor"]["id"] == "internal-error"


def test_sarif_names_the_cell_and_edits_no_notebook() -> None:
    fix = Fix("fix", "safe", (Edit(cell_place(), "x"),))
    (result,) = sarif_run(Report((finding(cell_place(), fix=fix),)))["results"]
    assert result["message"]["text"].startswith("cell 3, line 12: ")
    assert result["locations"][0]["logicalLocations"][0]["name"] == "cell 3"
    assert "fixes" not in result


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("src/a b#c.py", {"uri": "src/a%20b%23c.py", "uriBaseId": "%SRCROOT%"}),
        ("../größe.py", {"uri": "../gr%C3%B6%C3%9Fe.py", "uriBaseId": "%SRCROOT%"}),
        ("/data/a.py", {"uri": "file:///data/a.py"}),
        ("C:/data/a.py", {"uri": "file:///C:/data/a.py"}),
    ],
)
def test_sarif_paths_are_uris(path: str, location: dict[str, str]) -> None:
    (result,) = sarif_run(Report((finding(replace(cell_place(path), cell=None)),)))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


# --- code hosts and dashboards


def test_github_annotates_lines_and_says_why() -> None:
    first, notebook, syntax, crash = render("github", ORDINARY).splitlines()
    assert first.startswith(
        "::error title=trainlint (loss-retains-graph),file=train.py,line=7,endLine=7,col=5,endColumn=20"
        "::train.py:7:5: error[loss-retains-graph] `running"
    )
    assert "%0Abecause train.py:5:12: the loss is computed here" in first
    assert notebook.startswith("::warning ") and "line=" not in notebook.split("::")[1]
    assert (
        syntax == "::error title=trainlint (syntax),file=old.py,line=3::old.py:3:1: Python 2 print statement"
    )
    assert crash.startswith("::error title=trainlint (internal-error),file=net.py::")


def test_github_commands_cannot_be_broken_out_of() -> None:
    commands = render("github", NASTY_REPORT).splitlines()
    assert len(commands) == 4
    for command in commands:
        properties = command.split("::")[1].partition(" ")[2]
        assert all(re.fullmatch(r"\w+=[^,:\r\n]*", part) for part in properties.split(","))
    assert 'say "100%25", café 😀: a,b%0A::error::' in commands[0]
    assert "col=" not in commands[0]  # the runner knows no columns on ranges of several lines


def test_gitlab_issues_have_distinct_fingerprints_and_severities() -> None:
    twice = Report((retains(), retains(), finding(cell_place(), level="advice")), (SYNTAX, CRASH))
    issues = json.loads(render("gitlab", twice))
    assert [issue["severity"] for issue in issues] == ["critical", "critical", "info", "blocker", "blocker"]
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert issues[0]["fingerprint"] == "f1"
    assert issues[0]["location"] == {"path": "train.py", "lines": {"begin": 7, "end": 7}}
    assert issues[0]["check_name"] == "loss-retains-graph"
    assert issues[2]["description"].startswith("cell 3, line 12: ")


def test_junit_fails_what_fails_the_build() -> None:
    report = Report((retains(), finding(cell_place(), level="advice")), (SYNTAX,))
    root = ET.fromstring(render("junit", report))
    assert dict(root.attrib) == {"name": "trainlint", "tests": "3", "failures": "1", "errors": "1"}
    assert [suite.get("name") for suite in root] == ["train.py", "nb.ipynb", "trainlint"]
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None and failure.get("type") == "error"
    assert "because train.py:5:12: the loss is computed here" in (failure.text or "")
    strict = ET.fromstring(render("junit", report, fail_on="advice"))
    assert strict.get("failures") == "2"


def test_junit_of_a_clean_run_has_a_passed_case() -> None:
    root = ET.fromstring(render("junit", Report(files=3)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("1", "0", "0")


def test_junit_keeps_what_xml_allows() -> None:
    root = ET.fromstring(render("junit", NASTY_REPORT))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    message = failure.get("message") or ""
    assert 'say "100%", café 😀: a,b' in message and "</failure>]]>&" in message
    assert not re.search("[\x00\x0b\x1b\ufffe]", message)


# --- all of them


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reports_every_failure(name: str) -> None:
    text = render(name, ORDINARY)
    for failure in ORDINARY.failures:
        assert failure.message in text
        assert failure.kind in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_written_as_utf_8_and_ends_in_a_newline(name: str) -> None:
    for report in (Report(), ORDINARY, NASTY_REPORT):
        text = render(name, report)
        assert text.encode("utf-8").endswith(b"\n") or not text


@pytest.mark.parametrize("name", ["json", "sarif", "gitlab", "junit", "json-lines"])
def test_what_machines_read_is_ascii(name: str) -> None:
    assert render(name, NASTY_REPORT).isascii()


@pytest.mark.parametrize("name", ["json", "sarif", "gitlab"])
def test_documents_hold_strict_json(name: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(render(name, NASTY_REPORT), parse_constant=refuse)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match="unknown format 'yaml': one of text, json"):
        render("yaml", Report())
