"""Comments that silence findings: what they cover, what is wrong with them, how they go away."""

import pytest

from trainlint.source import Source, source_from_text


def suppressed(text: str) -> Source:
    return source_from_text(text, "train.py")


def test_a_comment_silences_its_line_and_its_rules_only():
    found = suppressed("a\nb  # trainlint: ignore[one, two] because of #12\nc\n").suppressions
    assert found.covers("one", 2, 2)
    assert found.covers("two", 1, 2)
    assert found.covers("one", 2, 5)
    assert not found.covers("one", 1, 1)
    assert not found.covers("one", 1, 3)
    assert not found.covers("three", 2, 2)


def test_a_bare_comment_silences_all_rules():
    found = suppressed("a  # noqa  # trainlint: ignore\n").suppressions
    assert found.covers("one", 1, 1)
    assert not found.skip_file


def test_a_comment_for_the_next_line_passes_over_comments_and_blanks():
    text = "# trainlint: ignore-next-line[one]\n# trainlint: ignore-next-line[two]\n\n# why\na\nb\n"
    found = suppressed(text).suppressions
    assert found.covers("one", 5, 5)
    assert found.covers("two", 5, 5)
    assert not found.covers("one", 6, 6)


def test_skip_file_counts_in_comments_only():
    assert suppressed("a\n# trainlint: skip-file generated\n").suppressions.covers("any", 1, 1)
    for text in (
        '"# trainlint: skip-file"\n',
        '"""\n# trainlint: skip-file\n"""\n',
        "# see trainlint: skip-file\n",
    ):
        found = suppressed(text).suppressions
        assert not found.covers("any", 1, 1)
        assert not found.malformed


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("# trainlint: ingore[one]", "did you mean `ignore`"),
        ("# trainlint: ignore one-rule", "square brackets"),
        ("# trainlint: ignore: one", "square brackets"),
        ("# trainlint: ignore(one)", "square brackets"),
        ("# trainlint: ignore[one", "square brackets"),
        ("# trainlint: ignore[]", "names no rule"),
        ("# trainlint: ignore[one two]", "commas"),
        ("# trainlint: skip-file[one]", "whole file"),
        ("# trainlint:", "ignore"),
    ],
)
def test_a_malformed_comment_is_exposed_and_silences_nothing(comment, words):
    found = suppressed(f"a  {comment}\n").suppressions
    assert not found.comments
    assert [words in malformed.message for malformed in found.malformed] == [True]
    assert found.malformed[0].where.line == 1


@pytest.mark.parametrize(
    ("text", "silenced", "expected"),
    [
        ("a  # trainlint: ignore[one]\nb\n", [], "a\nb\n"),
        ("a  # trainlint: ignore[one]\nb\n", [("one", 1, 1)], "a  # trainlint: ignore[one]\nb\n"),
        ("a  # trainlint: ignore[one]\n", [("two", 1, 1)], "a\n"),
        ("a  # trainlint: ignore[one, two] why\n", [("two", 1, 1)], "a  # trainlint: ignore[two] why\n"),
        ("a  # trainlint: ignore[one, other]\n", [], "a  # trainlint: ignore[other]\n"),
        ("a  # trainlint: ignore[other]\n", [], "a  # trainlint: ignore[other]\n"),
        ("a  # noqa  # trainlint: ignore[one] why\n", [], "a  # noqa\n"),
        ("a  # trainlint: ignore[one]  # noqa\n", [], "a  # noqa\n"),
        ("if a:\n    # trainlint: ignore-next-line[one]\n    b\n", [], "if a:\n    b\n"),
        ("a  # trainlint: ignore\n", [], "a\n"),
        ("a  # trainlint: ignore\n", [("one", 1, 1)], "a  # trainlint: ignore\n"),
        ("# trainlint: skip-file\na\n", [], "# trainlint: skip-file\na\n"),
    ],
)
def test_what_silences_nothing_can_be_taken_away(text, silenced, expected):
    source = suppressed(text)
    unused = source.suppressions.unused(silenced, ["one", "two"])
    assert source.apply(found.removal for found in unused).decode() == expected


def test_a_bare_comment_is_not_judged_by_a_run_of_some_rules():
    assert not suppressed("a  # trainlint: ignore\n").suppressions.unused([], ["one"], complete=False)
