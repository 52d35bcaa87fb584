"""Texts that would overflow the parser are refused, and texts that are only long are read."""

import subprocess
import sys

import libcst
import pytest

from trainlint.nesting import LONGEST_CHAIN, MOST_BRACKETS, MOST_BRANCHES
from trainlint.source import SourceError, source_from_text


def problem(content: str | bytes, path: str = "train.py") -> SourceError:
    with pytest.raises(SourceError) as caught:
        _ = source_from_text(content, path).tree
    assert "\n" not in str(caught.value)
    return caught.value


DEEP = {
    "brackets": "x = " + "(" * (MOST_BRACKETS + 1) + "1" + ")" * (MOST_BRACKETS + 1),
    "many brackets": "\n" * 7 + "x = " + "(" * 50_000 + "1" + ")" * 50_000,
    "unclosed brackets": "x = " + "[" * 50_000,
    "formatted strings": "x = f'{" + "(" * 5_000 + "1" + ")" * 5_000 + "}'",
    "operators in a string": "x = f'{a" + " + a" * 20_000 + "}'",
    "calls in a string": "x = rf'{a" + ".b()" * 20_000 + "}'",
    "operators": "x = a" + " + a" * 20_000,
    "comparisons": "x = a" + " == a" * 20_000,
    "unary operators": "x = " + "-" * 20_000 + "1",
    "negations": "x = " + "not " * 20_000 + "a",
    "attributes": "x = a" + ".b" * 20_000,
    "calls over lines": "x = (a" + "\n    .b()" * 20_000 + ")",
    "conditions": "x = a" + " if a else b" * 20_000,
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "adjacent strings": "x = (" + "'a'\n" * 20_000 + ")",
    "both": "x = " + ("(" + "a + " * 20) * 180 + "a" + ")" * 180,
    "branches": "if a: pass\n" + "elif b: pass\n" * (MOST_BRANCHES + 1),
    "patterns": "match a:\n    case " + "{1: " * 40 + "a" + "}" * 40 + ": pass\n",
    "indentations": "".join(" " * depth + "if a:\n" for depth in range(3_000)) + " " * 3_000 + "pass\n",
}


@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP.keys())
def test_deep_nesting_is_refused_before_the_parser_dies(content):
    error = problem(content)
    assert "deep" in error.message or "indentation" in error.message


def test_what_is_long_but_not_deep_is_read():
    wide = {
        "table": "x = [" + "-1.5, " * 3_000 + "]\n",
        "calls": "f(a.b)\n" * 1_500,
        "branches": "if a: pass\nelif b: pass\n" * (MOST_BRANCHES + 5),
        "brackets": "x = " + "(" * MOST_BRACKETS + "1" + ")" * MOST_BRACKETS + "\n",
        "chain": "x = a" + " + b" * (LONGEST_CHAIN - 10) + "\n",
        "text": 'x = """' + "[" * 5_000 + '"""\n',
    }
    for content in wide.values():
        assert source_from_text(content, "train.py").tree.body


def test_limits_leave_the_usual_stack_and_ten_thousand_frames_enough():
    """In a process of its own, because the failure would be a crash."""
    program = (
        "import sys; from trainlint.source import source_from_text; sys.setrecursionlimit(10_000)\n"
        "for text in ({!r}, {!r}, {!r}):\n"
        "    s = source_from_text(text, 'a.py'); s.span(s.tree.body[0])\n"
    )
    texts = (
        "x = " + "[" * MOST_BRACKETS + "]" * MOST_BRACKETS,
        "x = a" + ".b()" * (LONGEST_CHAIN // 3),
        "if a: pass\n" + "elif b: pass\n" * (MOST_BRANCHES - 1),
    )
    subprocess.run([sys.executable, "-c", program.format(*texts)], check=True, timeout=120)


def test_nodes_are_validated_again_after_parsing() -> None:
    _ = source_from_text("x = 1\n", "train.py").tree
    problem("x = = 1\n")
    with pytest.raises(libcst.CSTValidationError):
        libcst.Name("")
