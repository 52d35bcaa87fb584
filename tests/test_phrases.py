from __future__ import annotations

import pytest

from trainlint.phrases import counted, default_of


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 samples"),
        (1, "1 sample"),
        (1.0, "1 sample"),
        (2, "2 samples"),
        (2.5, "2.5 samples"),
        (45_000, "45,000 samples"),
        (1_281_167, "1,281,167 samples"),
    ],
)
def test_what_is_counted_agrees_with_its_number(number: float, said: str) -> None:
    assert counted(number, "sample") == said


def test_a_flag_is_named_where_there_is_one() -> None:
    assert default_of("--epochs") == " (`--epochs` default)"
    assert default_of(None) == ""
