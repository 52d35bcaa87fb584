"""Estimators whose `fit` is given test data to stop by, or to keep the best round or weights by, and what judges them then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.claims import says_test, says_validation
from trainlint.meaning.dataflow import walk
from trainlint.meaning.shaped import Table
from trainlint.meaning.splits import Use, uses
from trainlint.meaning.syntax import Call, Display, Expression, Node, names_in
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import (
    Constant,
    External,
    Instance,
    Member,
    Result,
    Sequence,
    Value,
    constant,
    one,
    passed,
)
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.decisions import Kind
    from trainlint.meaning.fits import Reader

_ROUNDS = ("early_stopping_rounds", "early_stopping_round", "od_wait")
_OF_KERAS: dict[str, Kind] = {
    "EarlyStopping": "stop",
    "ModelCheckpoint": "keep",
    "ReduceLROnPlateau": "lower",
}


@dataclass(frozen=True, slots=True, eq=False)
class WatchedFit:
    """A `fit` that goes by its score on test data, and a call that judges by the same rows afterwards."""

    node: Node  # the test data, as they are handed over
    kind: Kind
    name: str
    judged: Node


def watched_fits(reader: Reader) -> Iterator[WatchedFit]:
    """One for each call of `fit`."""
    judging = [use for use in uses(reader) if not use.trains]
    for call in reader.log.calls if judging else ():
        if (
            not isinstance(call.callee, Member)
            or call.callee.name != "fit"
            or not isinstance(call.node, Call)
        ):
            continue
        for keyword, kind in (("eval_set", _by_rounds(call)), ("validation_data", _by_callbacks(call))):
            written = next((a.value for a in call.node.arguments if a.keyword == keyword), None)
            if kind is None or written is None or keyword not in call.keywords:
                continue
            name = _test_name(_last(written))
            judged = _judged(judging, call, _watched(reader, call, call.keywords[keyword])) if name else None
            if judged is not None and judged.call.node is not None:
                yield WatchedFit(written, kind, name, judged.call.node)


def _by_rounds(call: Result) -> Kind | None:
    """What boosting and TabNet do by the last set that they are given: CatBoost and TabNet do so unasked."""
    assert isinstance(call.callee, Member)
    model = fitted_object(call.callee.receiver)
    home = (made_by(model) or "").partition(".")[0]
    options = {**(model.keywords if isinstance(model, (Instance, Result)) else {}), **call.keywords}
    if any(name in options and constant(options[name]) not in (None, 0, False) for name in _ROUNDS):
        return "stop"
    if home == "pytorch_tabnet":
        return "keep" if constant(options.get("patience", Constant(10))) != 0 else None
    if home == "catboost":
        return "keep" if constant(options.get("use_best_model", Constant(True))) is True else None
    return "stop" if any(_named(v).endswith(".early_stopping") for v in _callbacks(call)) else None


def _by_callbacks(call: Result) -> Kind | None:
    """What callbacks of Keras do by the data that `fit` validates on."""
    for made in _callbacks(call):
        name = _named(made)
        kind = _OF_KERAS.get(name.rpartition(".")[2]) if "keras." in name else None
        if kind is None or not isinstance(made, (Instance, Result)):
            continue
        if kind == "keep" and constant(made.keywords.get("save_best_only", Constant(False))) is not True:
            continue
        watched = passed(made, 1 if kind == "keep" else 0, "monitor")
        said = constant(watched) if watched is not None else "val_loss"
        if isinstance(said, str) and said.startswith("val"):
            return kind
    return None


def _callbacks(call: Result) -> list[Value]:
    given = one(call.keywords["callbacks"]) if "callbacks" in call.keywords else None
    return [one(item) for item in given.items] if isinstance(given, Sequence) else []


def _named(value: Value) -> str:
    match value:
        case Instance(cls=External(name=name)) | Result(callee=External(name=name)):
            return name
    return ""


def _last(written: Expression) -> Expression:
    """Of several pairs, each under the other, the last one counts: `[(x_train, y_train), (x_test, y_test)]`."""
    if isinstance(written, Display) and written.items and isinstance(written.items[-1], Display):
        return written.items[-1]
    return written


def _test_name(written: Expression) -> str:
    parts = written.items if isinstance(written, Display) else (written,)
    names = [name.id for part in parts for name in names_in(part)]
    return "" if any(map(says_validation, names)) else next(filter(says_test, names), "")


def _watched(reader: Reader, call: Result, given: Value) -> Table:
    """The features that a fit goes by: first of the last pair."""
    held = one(given)
    if isinstance(held, Sequence) and held.kind == "list" and held.items:
        held = one(held.items[-1])
    if isinstance(held, Sequence) and held.items:
        held = one(held.items[0])
    elif isinstance(held, Instance) and held.arguments:  # `Pool(x, y)`
        held = one(held.arguments[0])
    if any("datasets." in _named(value) or _named(value).endswith(".load_data") for value in walk(held)):
        return Table()  # comes with two parts, and no third one
    return reader.at_call(held, call)


def _judged(judging: list[Use], call: Result, watched: Table) -> Use | None:
    """The call after a fit that judges by the very rows that it went by."""
    return next(
        (u for u in judging if watched.rows and u.call.at > call.at and u.table.rows == watched.rows), None
    )
