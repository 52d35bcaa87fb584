"""Reading one file: encodings, newlines, trees, spans, edits, suppressions, and everything that can be wrong."""

import codecs
import glob
import os
import re
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import libcst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libcst.metadata import MetadataWrapper, PositionProvider

from trainlint.diagnostic import Edit
from trainlint.edits import apply_edits, write_atomically
from trainlint.source import Source, SourceError, read_source, source_from_text


def edit(source: Source, old: str, new: str) -> Edit:
    start = source.text.index(old)
    return Edit(source.location(start, start + len(old)), new)


def problem(content: str | bytes, path: str = "train.py") -> SourceError:
    with pytest.raises(SourceError) as caught:
        _ = source_from_text(content, path).tree
    assert "\n" not in str(caught.value)
    return caught.value


# Encodings


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        "x = 'é'\n".encode(),
        codecs.BOM_UTF8 + "x = 'é'\n".encode(),
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '€'\n".encode("cp1252"),
        "# coding: UTF-8-*-\nx = 'é'\n".encode(),
        "# coding: gb2312\nx = '中文'\n".encode("gb2312"),
        codecs.BOM_UTF16_LE + "x = 'é'\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "x = 'é'\n".encode("utf-16-be"),
        b"x = 1\r\ny = 2\rz = 3\n\x0c\nw = 4",
    ],
)
def test_bytes_survive_an_edit_elsewhere(content):
    source = source_from_text(content, "train.py")
    _ = source.tree
    assert source.apply(()) == content
    start = len(source.text)
    grown = source.apply([Edit(source.location(start, start), "# end")])
    assert grown.startswith(content)
    assert len(grown) > len(content)


def test_async_may_be_a_name_as_it_was_until_python_3_6():
    text = "def send(x, async=False):\n    return x.cuda(async=async)\n\nasync def wait(x):\n    async with x: pass\n"
    source = source_from_text(text, "train.py")
    assert [len(line) for line in source.text.splitlines()] == [len(line) for line in text.splitlines()]
    assert source.code(source.tree.body[0]).endswith("x.cuda(async=async)")
    assert source.apply([edit(source, "=False", "=True")]) == text.replace("=False", "=True").encode()


def test_declared_encoding_is_used():
    source = source_from_text("# coding: latin-1\nx = 'é'\n".encode("latin-1"), "train.py")
    assert "é" in source.text
    assert source.apply([edit(source, "é", "è")]) == "# coding: latin-1\nx = 'è'\n".encode("latin-1")


def test_a_text_that_declares_an_encoding_is_taken_at_its_word():
    text = "# coding: latin-1\nx = 'é'\n"
    source = source_from_text(text, "train.py")
    assert source.text == text
    assert source.apply(()) == text.encode("latin-1")
    assert problem("# coding: latin-1\n\nx = '€'\n").line == 3


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "not utf-8 text: byte 0xe9"),
        (b"# coding: klingon\nx = 1\n", 1, "unknown encoding 'klingon'"),
        (b"#!/bin/sh\n# coding: rot13\nx = 1\n", 2, "unknown encoding 'rot13'"),
        (b"# coding: ascii\n\nx = '\xc3\xa9'\n", 3, "not ascii text"),
        (b"x = 1\ny = 2 \x00\n", 2, "NUL"),
        (codecs.BOM_UTF16_LE + b"x\x00\n\x00\x00\xd8", 2, "not utf-16-le text"),
        (b"x = 1\n" * 1_000_000, None, "too large (6.0 MB, the limit is 5 MB)"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(content, line, words):
    error = problem(content)
    assert (error.path, error.line) == ("train.py", line)
    assert words in error.message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("x = (1,\ny = 2\n", 1, "never closed"),
        ("x = 1\n  y = 2\n", 2, "unexpected indent"),
        ("if x:\n\ty = 1\n        z = 2\n", 3, "tabs"),
        ("import os\nprint 'hello'\n", 2, "Python 2 syntax (print statement)"),
        ("print 'é', x\n", 1, "Python 2 syntax (print statement)"),
        ("x = 1\nraise ValueError, 'no'\n", 2, "Python 2 syntax (raise statement)"),
        ("mode = 0777\n", 1, "Python 2 syntax (number)"),
        ("exec 'x = 1'\n", 1, "Python 2 syntax (exec statement)"),
        ("if a <> b: pass\n", 1, "Python 2 syntax (<> operator)"),
        ("x = '\udc80'\n", 1, "not utf-8 text"),
    ],
)
def test_syntax_errors_name_line_and_reason(content, line, words):
    error = problem(content)
    assert error.line == line
    assert words in error.message


# Pieces that were pasted


def test_a_piece_that_is_indented_as_a_whole_is_read_in_its_place():
    source = source_from_text("    # of a method\n    x = f(1)\n\n    y = g(x)\n", "train.py")
    last = source.body[-1]
    start, end = source.span(last)
    assert source.text[start:end] == "y = g(x)"
    assert (source.location(start, end).line, source.location(start, end).column) == (4, 5)
    assert source.apply([edit(source, "g(x)", "h(x)")]).endswith(b"    y = h(x)\n")


def test_half_a_class_goes_back_to_the_columns_on_its_left():
    source = source_from_text("        self.x = 1\n\n    def f(self):\n        return 2\ny = 3\n", "train.py")
    spans = [source.span(statement) for statement in source.body]
    firsts = [source.text[start:end].splitlines()[0] for start, end in spans]
    assert firsts == ["self.x = 1", "def f(self):", "y = 3"]


def test_the_line_of_an_error_is_the_files_own_in_an_indented_piece():
    assert problem("    x = 1\n    y = = 2\n").line == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (
            ">>> x = f(1)\n>>> for y in x:\n...     g(y)\n...\nNone\n",
            ["x = f(1)", "for y in x:\n        g(y)"],
        ),
        ("In [1]: x = f(1)\nOut[1]: 3\nIn [2]: y = 2\n", ["x = f(1)", "y = 2"]),
        ("In [7]:\n%matplotlib inline\nx = f(1)\n", ["_", "x = f(1)"]),
        ("!pip install torch\nx = 1\n", ["_", "x = 1"]),
    ],
)
def test_of_a_pasted_session_is_read_what_was_typed(content, code):
    source = source_from_text(content, "train.py")
    assert len(source.text) == len(content)
    spans = [source.span(statement) for statement in source.body]
    assert [source.text[start:end].rstrip() for start, end in spans] == code


def test_prompts_and_percents_in_a_docstring_are_left_alone():
    content = '"""Doc.\n\n>>> a = 1\n%b\n"""\nx = (5\n  %y)\n'
    assert source_from_text(content, "train.py").text == content


def test_python_2_is_recognised_whatever_this_python_trips_over_first():
    assert "Python 2 syntax" in problem("try:\n    x\nexcept (A, B), e:\n    print 'x'\n").message


# Places


def library_files(count: int) -> list[str]:
    files = sorted(glob.glob(os.path.join(sysconfig.get_path("stdlib"), "*.py")))
    return files[:: max(1, len(files) // count)]


@pytest.mark.parametrize("name", library_files(8), ids=os.path.basename)
def test_spans_are_those_of_position_metadata(name):
    source = read_source(Path(name), "library.py")
    if source.tree.code != source.text:
        pytest.skip("LibCST does not reproduce this file, so its own positions are wrong")
    positions = MetadataWrapper(source.tree, unsafe_skip_copy=True).resolve(PositionProvider)
    for node, position in positions.items():
        start, end = source.span(node)
        line, column = source.line_and_column(start)
        assert (line, column - 1) == (position.start.line, position.start.column)
        line, column = source.line_and_column(end)
        assert (line, column - 1) == (position.end.line, position.end.column)


@pytest.mark.parametrize(
    "content",
    [
        "try:\n    a\nexcept A :\n    b\nexcept  B  :\n    wanted\n",
        "\\\nx = 1\nwanted\n",
        "x\n    # dropped\n  # kept\nwanted",
        "x = 1\r\n\twanted".replace("\t", ""),
        "x = 1\rwanted\r",
        "\x0c\nclass A:\n    x = 1\n\x0c\n    wanted\n\x0cwanted2\n",
    ],
)
def test_spans_hold_where_libcst_does_not_reproduce_the_text(content):
    source = source_from_text(content, "train.py")
    names: list[libcst.Name] = []

    class Names(libcst.CSTVisitor):
        def visit_Name(self, node):
            names.append(node)

    source.tree.visit(Names())
    assert {name.value for name in names} >= {"wanted"}
    assert all(source.code(name) == name.value for name in names)


def test_a_location_counts_lines_and_code_points_from_one():
    source = source_from_text("x = 'é😀'; y\r\n\tz = 1\r\n".replace("\t", ""), "train.py")
    start = source.text.index("y")
    where = source.location(start, start + 1)
    assert (where.line, where.column, where.end_line, where.end_column) == (1, 11, 1, 12)
    start = source.text.index("z")
    assert (source.location(start, start + 5).line, source.location(start, start + 5).end_column) == (2, 6)


def test_parentheses_around_an_expression_are_not_its_code():
    source = source_from_text("x = ( a + b )  # c\n", "train.py")
    statement = source.tree.body[0]
    assert isinstance(statement, libcst.SimpleStatementLine)
    assert source.code(statement) == "x = ( a + b )"
    assert isinstance(statement.body[0], libcst.Assign)
    assert source.code(statement.body[0].value) == "a + b"


NEWLINES = st.sampled_from(["\n", "\r\n", "\r"])
TEXTS = st.lists(st.tuples(st.text("ab é😀\t#'", max_size=8), NEWLINES), max_size=8).map(
    lambda lines: "".join(line + newline for line, newline in lines)
)


@given(TEXTS)
def test_reading_and_writing_changes_nothing(text):
    source = source_from_text(text, "train.py")
    assert source.apply(()) == text.encode()


@given(TEXTS, st.data())
def test_offsets_become_the_line_and_column_that_splitting_finds(text, data):
    source = source_from_text(text, "train.py")
    offset = data.draw(st.integers(0, len(text)))
    if text[max(0, offset - 1) : offset + 1] == "\r\n":
        return
    before = re.split(r"\r\n|\r|\n", text[:offset])
    assert source.line_and_column(offset) == (len(before), len(before[-1]) + 1)


# Edits


def test_edits_are_applied_from_the_end_and_overlaps_dropped():
    source = source_from_text("abcdef", "train.py")
    edits = [
        Edit(source.location(4, 6), "EF"),
        Edit(source.location(0, 2), "AB"),
        Edit(source.location(1, 3), "lost"),
        Edit(source.location(2, 2), "+"),
    ]
    assert source.apply(edits) == b"AB+cdEF"
    assert source.apply(edits[::-1]) == b"AB+cdEF"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_edits_take_the_newlines_of_the_file(newline):
    content = f"a = 1{newline}b = 2{newline}"
    source = source_from_text(content, "train.py")
    assert (
        source.apply([edit(source, "b", "c = 3\nb")])
        == f"a = 1{newline}c = 3{newline}b = 2{newline}".encode()
    )


@given(
    st.text("abc\n", max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.text("xy", max_size=3))),
)
def test_text_outside_of_edits_stays(text, ranges):
    source = source_from_text(text, "train.py")
    spans = [(min(a, b, len(text)), min(max(a, b), len(text)), new) for a, b, new in ranges]
    edits = [Edit(source.location(start, end), new) for start, end, new in spans]
    result = apply_edits(text, edits)
    touched = {place for start, end, _ in spans for place in range(start, end)}
    kept = "".join(letter for place, letter in enumerate(text) if place not in touched)
    assert _is_subsequence(kept, result)


def _is_subsequence(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def test_an_encoding_that_does_not_survive_is_never_rewritten():
    content = b"# coding: utf-7\nx = '+AOk-'  # e\n"
    source = source_from_text(content, "train.py")
    with pytest.raises(SourceError, match="cannot be rewritten"):
        source.apply([edit(source, "# e", "")])


def test_writing_keeps_permissions_and_leaves_nothing_behind(tmp_path):
    file = tmp_path / "train.py"
    file.write_bytes(b"old")
    file.chmod(0o755)
    link = tmp_path / "link.py"
    link.symlink_to(file)
    write_atomically(link, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o755
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "train.py"]


def test_a_link_that_leads_out_of_its_folder_is_not_written_through(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    outside = tmp_path / "outside.py"
    outside.write_bytes(b"old")
    (tree / "link.py").symlink_to(outside)
    with pytest.raises(OSError, match="out of its folder"):
        write_atomically(tree / "link.py", b"new")
    assert outside.read_bytes() == b"old"


def test_a_failed_write_leaves_the_file_alone(tmp_path, monkeypatch):
    file = tmp_path / "train.py"
    file.write_bytes(b"old")

    def fail(*_args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


# Anything at all


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_one_line(content):
    try:
        source = source_from_text(content, "train.py")
        source.span(source.tree)
        _ = source.suppressions
        assert source.apply(()) == content
    except SourceError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(st.text("x=1():'\"#\\\n\r\t \x0c{}[]f,.", max_size=40))
def test_any_text_is_parsed_with_true_places_or_refused(text):
    source = source_from_text(text, "train.py")
    try:
        body = source.body
    except SourceError as error:
        assert "\n" not in str(error)
    else:
        for statement in body:
            assert source.code(statement).strip() == source.code(statement)


def test_a_file_that_is_gone_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "gone.py", tmp_path):
        with pytest.raises(SourceError, match="cannot be read"):
            read_source(path, "gone.py")


def test_reading_does_not_import_libcst():
    program = (
        "import sys; from trainlint.source import source_from_text; from trainlint.project import Project\n"
        "source_from_text('x = 1  # trainlint: ignore', 'a.py').suppressions\n"
        "assert not [name for name in sys.modules if name.startswith('libcst')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_long_head_of_comments_with_windows_line_ends_is_read_at_once():
    text = "# a line of the licence\r\n" * 500 + "\r\n" * 500 + "x = 1\r\n"
    assert [type(s).__name__ for s in source_from_text(text, "a.py").body] == ["SimpleStatementLine"]
