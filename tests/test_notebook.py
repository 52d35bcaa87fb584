"""Notebooks: cells joined, IPython's syntax tolerated, places by cell, and edits that touch nothing else."""

import json

import libcst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlint.diagnostic import Edit
from trainlint.magics import without_magics
from trainlint.source import Source, SourceError, source_from_text


def code(source, **more) -> dict:
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": 7,
        "outputs": [],
        "source": source,
        **more,
    }


def text(source) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def notebook(*cells, indent: int | str | None = 1, ascii_only=False, end: str = "\n", **metadata) -> str:
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=indent, ensure_ascii=ascii_only) + end


def read(content: str) -> Source:
    return source_from_text(content, "train.ipynb")


def edit(source: Source, old: str, new: str) -> Edit:
    start = source.text.index(old)
    return Edit(source.location(start, start + len(old)), new)


# Reading


def test_code_cells_are_joined_in_order_whether_lists_or_strings():
    source = read(
        notebook(text("# Hi"), code(["import torch\n", "x = 1"]), code([]), code("y = x\n"), code(""))
    )
    assert source.notebook
    assert source.text == "import torch\nx = 1\n\ny = x\n\n"
    assert [type(line) for line in source.tree.body] == [libcst.SimpleStatementLine] * 3
    assert not source.failures


def test_places_count_all_cells_and_lines_within_the_cell():
    source = read(notebook(text("# Hi"), code("import torch\nx = 1"), text("more"), code("\n\nwanted = 1\n")))
    start = source.text.index("wanted")
    where = source.location(start, start + 6)
    assert (where.cell, where.line, where.column, where.end_line, where.end_column) == (4, 3, 1, 3, 7)
    assert source.lines(start, start + 6) == (5, 5)
    assert source.location(0, 6).cell == 2


def test_format_3_keeps_its_code_in_worksheets():
    cells = [{"cell_type": "code", "input": ["x = 1\n", "y"], "language": "python"}, {"cell_type": "heading"}]
    source = read(json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3, "metadata": {"name": ""}}))
    assert source.text == "x = 1\ny"
    changed = source.apply([edit(source, "y", "z")])
    assert json.loads(changed)["worksheets"][0]["cells"][0]["input"] == ["x = 1\n", "z"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"language_info": {"name": "R"}, "kernelspec": {"name": "ir"}},
        {"kernelspec": {"language": "julia", "name": "julia-1.9"}},
    ],
)
def test_other_languages_are_empty_without_complaint(metadata):
    source = read(notebook(code("x <- c(1, 2)"), **metadata))
    assert (source.text, source.tree.body, source.failures) == ("", (), ())


def test_cells_of_other_languages_are_passed_over():
    source = read(
        notebook(code("let x = 1;", metadata={"vscode": {"languageId": "javascript"}}), code("y = 1"))
    )
    assert len(source.tree.body) == 1
    assert not source.failures


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("{", 1, "invalid JSON"),
        ('{\n "cells": [\n  oops\n]}', 3, "invalid JSON"),
        ("[]", None, "no cells"),
        ('"cells"', None, "no cells"),
        ("[" * 100_000, None, "not a notebook"),
        ("version https://git-lfs.github.com/spec/v1\n", 1, "not a notebook"),
    ],
)
def test_what_is_no_notebook_is_said_in_one_line(content, line, words):
    with pytest.raises(SourceError) as caught:
        read(content)
    assert words in caught.value.message
    assert line is None or caught.value.line == line
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        '{"cells": []}',
        '{"cells": null}',
        '{"cells": [1, null, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 5}]}',
        '{"cells": [{"cell_type": "code", "source": [1, "x = 1"]}], "metadata": []}',
        '{"worksheets": [{}, 1, {"cells": [3]}]}',
    ],
)
def test_odd_notebooks_are_read_for_what_they_are(content):
    source = read(content)
    assert source.tree.body is not None
    assert source.apply(()) == content.encode()


# IPython


MAGICS = {
    "%matplotlib inline": "_",
    "%load_ext autoreload\n%autoreload 2\nx = 1": "_\n_\nx = 1",
    "!pip install torch": "_",
    "!pip install torch \\\n  torchvision 'x\nx = 1": "_\n\nx = 1",
    "!!ls": "_",
    "?print": "_",
    "print?": "_",
    "torch.nn.Linear??  # source": "_",
    "pip install torch==2.0 -q": "_",
    "cd ..": "_",
    "cd '/content/My Drive'": "_",
    "cd /content/My Drive": "_",
    "ls data/train\nmkdir x": "_\n_",
    "files = !ls {folder}": "files = _",
    "a, b = %sql select 1": "a, b = _",
    "if x:\n    !ls\n    %cd y\nelse:\n\t%pwd": "if x:\n    _\n    _\nelse:\n\t_",
    "%time y = f(x)": "_;    y = f(x)",
    "y = %time f(x)": "y =       f(x)",
    "%time": "_",
    "%%time\nx = 1": "_\nx = 1",
    "%%capture out\n%pip install x\nx = 1": "_\n_\nx = 1",
    "%%bash\necho 'it''s\n": "\n\n",
    "\n%%writefile model.py\nimport x": "\n\n",
    "%%html": "",
}


@pytest.mark.parametrize(("cell", "expected"), MAGICS.items())
def test_magics_become_python_of_the_same_length(cell, expected):
    masked = without_magics(cell)
    assert len(masked) == len(cell)
    assert [line.rstrip() for line in masked.split("\n")] == expected.split("\n")
    libcst.parse_module(masked)


@pytest.mark.parametrize(
    "cell",
    [
        "x = (a\n  % b)",
        "x = a \\\n  % b",
        's = """\n%matplotlib\n!ls\nwhat?\n"""',
        "x = a != b",
        "x %= 3",
        "print('really?')",
        "f(a,\n  # why?\n  b)",
        "x = a if b else c  # or?",
        "y = '%s' % x\nz = a == '!'",
        "pip = 1",
        "cd = pip - 1",
        "ls = 1\nls - 1\nls in x\nls [0]\nls / x\nrm is None\ncd in y",
    ],
)
def test_python_is_left_alone(cell):
    assert without_magics(cell) == cell


def test_magics_inside_a_cell_of_python_keep_every_place():
    source = read(notebook(code(["import torch\n", "!nvidia-smi\n", "loss = 1"])))
    start = source.text.index("loss")
    assert source.written[start : start + 4] == "loss"
    assert source.location(start, start + 4).line == 3
    assert "!nvidia-smi" in source.written


def test_awaiting_and_returning_at_the_top_is_tolerated():
    assert len(read(notebook(code("await f()"), code("x = 1"))).tree.body) == 2


def test_a_broken_cell_costs_only_itself():
    source = read(notebook(text(""), code("x = 1"), code("print 'hi'\n"), code("y = (\n"), code("z = 2")))
    assert [source.code(statement) for statement in source.tree.body] == ["x = 1", "z = 2"]
    failures = [(failure.path, failure.line, failure.kind, failure.message) for failure in source.failures]
    assert failures == [
        ("train.ipynb", 1, "syntax", "cell 3: Python 2 syntax (print statement); the cell is left out"),
        ("train.ipynb", 1, "syntax", "cell 4: syntax error: '(' was never closed; the cell is left out"),
    ]


def test_a_cell_that_is_indented_as_a_whole_runs_as_in_a_notebook():
    source = read(notebook(code(" # the first\n x = 1\n y = 2"), code("z = x + y")))
    start = source.text.index("y = 2")
    where = source.location(start, start + 5)
    assert (where.cell, where.line, where.column) == (1, 3, 2)
    assert source.failures == ()
    broken = read(notebook(code("  x = (\n"), code("  # only a remark"), code("  y = 1"), code("z = 2")))
    assert [(f.line, f.message.partition(":")[0]) for f in broken.failures] == [(1, "cell 1")]
    assert "y = 1" in source_code(broken) and "z = 2" in source_code(broken)


def source_code(source):
    return [source.code(statement).strip() for part in source.tree.body for statement in statements(part)]


def statements(part):
    return part.body.body if hasattr(part.body, "body") else [part]


def test_cells_that_no_parser_could_take_cost_only_themselves():
    deep = "x = " + "(" * 5_000
    source = read(
        notebook(code(deep), code("y = '\ud800'"), code("z = 1\x00"), code("w = 2"), ascii_only=True)
    )
    assert [source.code(statement) for statement in source.tree.body] == ["w = 2"]
    assert len(source.failures) == 3


def test_comments_silence_by_line_over_all_cells():
    source = read(notebook(code("a\nb  # trainlint: ignore[one]"), code("c\nd")))
    start = source.text.index("b")
    assert source.suppressions.covers("one", *source.lines(start, start + 1))
    start = source.text.index("d")
    assert not source.suppressions.covers("one", *source.lines(start, start + 1))


# Edits


@pytest.mark.parametrize("indent", [None, 1, 4, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("end", ["", "\n"])
def test_only_the_changed_line_of_the_file_changes(indent, ascii_only, end):
    output = [{"output_type": "stream", "text": ["é\u001b[0m\n"], "data": {"z": 1.0, "a": 1e-05}}]
    cells = (
        text("# é"),
        code(["x = 'é'\n", "loss = loss + l\n", "y = '😀'"], outputs=output),
        code("a = 1\nb = '\u00e9'\nc = 3\n"),
    )
    content = notebook(*cells, indent=indent, ascii_only=ascii_only, end=end, name="é")
    source = read(content)
    changed = source.apply([edit(source, "loss + l", "loss + l.item()"), edit(source, "c = 3", "c = 4")])
    assert changed.decode() == content.replace("loss + l", "loss + l.item()").replace("c = 3", "c = 4")


def test_inserted_and_deleted_lines_are_lines_of_the_list():
    content = notebook(code(["a = 1\n", "b = 2\n", "c = 3"]))
    source = read(content)
    grown = source.apply([edit(source, "b = 2", "new = 0\nb = 2"), edit(source, "c = 3", "c = 3\nd = 4")])
    lines = ["a = 1\n", "new = 0\n", "b = 2\n", "c = 3\n", "d = 4"]
    assert grown.decode() == notebook(code(lines))
    shrunk = source.apply([edit(source, "b = 2\n", "")])
    assert shrunk.decode() == notebook(code(["a = 1\n", "c = 3"]))
    assert json.loads(source.apply([edit(source, "a = 1\nb = 2\nc = 3", "")]))["cells"][0]["source"] == []


def test_edits_beyond_a_cell_or_in_a_magic_are_left_out():
    content = notebook(code("a = 1\n!ls"), code("b = 2"))
    source = read(content)
    assert source.apply([edit(source, "_", "pass")]).decode() == content
    whole = Edit(source.location(0, len(source.text)), "gone")
    assert source.apply([whole]).decode() == content


def test_escapes_that_others_wrote_stay():
    content = '{"cells": [{"cell_type": "code", "source": "a = \\"\\u003c\\/b\\"\\nb = 2\\n"}]}'
    source = read(content)
    assert source.apply([edit(source, "b = 2", "b = 3")]).decode() == content.replace("b = 2", "b = 3")


def test_a_byte_order_mark_stays():
    content = b"\xef\xbb\xbf" + notebook(code("x = 1")).encode()
    source = source_from_text(content, "train.ipynb")
    assert source.apply([edit(source, "1", "2")]) == content.replace(b"x = 1", b"x = 2")


LINES = st.lists(st.text('ab é"\\/😀\t', max_size=5), min_size=1, max_size=5).map("\n".join)
SOURCES = st.tuples(LINES, st.booleans()).map(
    lambda pair: pair[0].splitlines(keepends=True) if pair[1] else pair[0]
)


@given(
    st.lists(SOURCES, min_size=1, max_size=4),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8), st.text("xy\n", max_size=4)), max_size=3),
)
def test_edits_do_to_cells_what_they_do_to_their_text(sources, indent, ascii_only, changes):
    content = notebook(*map(code, sources), indent=indent, ascii_only=ascii_only)
    source = read(content)
    assert source.apply(()).decode() == content
    edits, expected = [], ["".join(cell) for cell in sources]
    reached = 0
    assert source.cells is not None
    cells = source.cells.cells
    shifts = [0] * len(expected)
    for start, length, new in sorted(changes):
        number = next((n for n, cell in enumerate(cells) if cell.start <= start <= cell.end), None)
        if number is None or start < reached or start + length > cells[number].end:
            continue
        if source.text[start : start + length] != source.written[start : start + length]:
            continue
        reached = start + length + 1
        edits.append(Edit(source.location(start, start + length), new))
        at = start - cells[number].start + shifts[number]
        expected[number] = expected[number][:at] + new + expected[number][at + length :]
        shifts[number] += len(new) - length
    after = json.loads(source.apply(edits))
    assert ["".join(cell["source"]) for cell in after["cells"]] == expected
    assert all(
        isinstance(cell["source"], type(before)) for cell, before in zip(after["cells"], sources, strict=True)
    )


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(content):
    try:
        source = read(content)
    except SourceError as error:
        assert "\n" not in str(error)
    else:
        assert source.apply(()) == content.encode()


@given(st.text("%!?x=(#'\"\\\n \t)", max_size=30))
def test_masks_keep_every_line_and_length(cell):
    masked = without_magics(cell)
    assert len(masked) == len(cell)
    assert [len(line) for line in masked.split("\n")] == [len(line) for line in cell.split("\n")]
