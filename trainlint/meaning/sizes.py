"""How many rows a table has, where the program says so."""

from __future__ import annotations

from pathlib import PurePath

from trainlint.meaning.facts.tables import FILES, MADE, ROWS
from trainlint.meaning.values import External, Instance, Item, Member, Result, Value, constant, one

_DEEPEST = 12
_DRAWN = frozenset("randn rand zeros ones normal uniform random".split())
_MADE_BY_DEFAULT = 100


def rows_of(value: Value) -> int | None:
    """The number of rows behind a table, its columns and simple methods."""
    for _ in range(_DEEPEST):
        match one(value):
            case Result(callee=External(name=name)) as call:
                known = _made(call, name)
                if (
                    known is not None
                    or not call.arguments
                    or not name.startswith(("numpy.", "pandas.", "torch."))
                ):
                    return known
                value = call.arguments[0]
            case Result(
                callee=Member(receiver=inner, name="astype" | "to_numpy" | "drop" | "float" | "copy")
            ):
                value = inner
            case Item(source=inner) | Member(receiver=inner, name="data" | "target" | "values"):
                value = inner
            case Instance(cls=External(name=name), arguments=(first, *_)) if name.endswith("TensorDataset"):
                value = first
            case _:
                return None
    return None


def _made(call: Result, name: str) -> int | None:
    last = name.rpartition(".")[2]
    if name.startswith("sklearn.datasets."):
        if last in MADE:
            given = call.arguments[0] if call.arguments else call.keywords.get("n_samples")
            known = constant(given) if given is not None else _MADE_BY_DEFAULT
            return known if isinstance(known, int) else None
        return ROWS.get(last)
    if last in _DRAWN and name.startswith(("torch.", "numpy.random.")) and call.arguments:
        known = constant(call.arguments[0])
        return known if isinstance(known, int) and not isinstance(known, bool) else None
    return _in_file(call) if name in _READING else None


def _in_file(call: Result) -> int | None:
    """The rows of a table that everybody knows by the name of its file, where all of it is read."""
    path = constant(call.arguments[0]) if call.arguments else None
    if not isinstance(path, str) or not call.keywords.keys().isdisjoint(_SOME_ROWS):
        return None
    return FILES.get("".join(filter(str.isalnum, PurePath(path).stem.lower())))


_READING = frozenset("pandas.read_csv pandas.read_table numpy.loadtxt numpy.genfromtxt".split())
_SOME_ROWS = frozenset("nrows skiprows chunksize skipfooter max_rows skip_footer".split())
