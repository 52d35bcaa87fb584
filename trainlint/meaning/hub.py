"""Rows of data sets from Hugging Face's hub: what methods leave of `load_dataset(...)`, and how many were asked for."""

from __future__ import annotations

import re

from trainlint.meaning.values import External, Item, Member, Result, Value, constant, one

_FAR = 12
_SOME = re.compile(r"[\w.+-]+\[:(\d+)\]")  # `split="train[:5000]"`
_SAME_ROWS = frozenset(
    "map shuffle remove_columns rename_column rename_columns select_columns with_format with_transform cast cast_column"
    " sort add_column flatten class_encode_column align_labels_with_mapping".split()
)


def is_of_hub(data: Value | None) -> bool:
    """Whether rows come from `load_dataset`, chosen and changed by methods: each is one sample."""
    for _ in range(_FAR):
        match one(data) if data is not None else None:
            case Result(callee=External(name="datasets.load_dataset")):
                return True
            case Result(callee=Member(receiver=inner, name=name)) if name != "batch":
                data = inner
            case Item(source=inner):
                data = inner
            case _:
                return False
    return False


def before_methods(data: Value) -> Value:
    """The rows before methods that leave as many of them."""
    for _ in range(_FAR):
        match one(data):
            case Result(callee=Member(receiver=inner, name=name)) if name in _SAME_ROWS:
                data = inner
            case _:
                break
    return one(data)


def rows_asked_for(data: Value) -> int | None:
    """How many rows `load_dataset("imdb", split="train[:5000]")` gives."""
    match one(data):
        case Result(callee=External(name="datasets.load_dataset"), keywords={"split": split}):
            found = _SOME.fullmatch(str(constant(split)))
            return int(found[1]) if found else None
    return None
