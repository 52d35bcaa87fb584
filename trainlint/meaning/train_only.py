"""Edits that fit to the part that trains: a fit moved behind the split, or given the training part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning import syntax as s
from trainlint.meaning.facts.tables import STATISTICS
from trainlint.meaning.place import Change, insert_after, insert_before, remove_statement, replace, text_of

if TYPE_CHECKING:
    from trainlint.meaning.leaks import Leak
    from trainlint.meaning.shaped import Fit

_FEWER = '(lambda rows: rows[: (rows.shape[0] if hasattr(rows, "shape") else len(rows)) * 3 // 4])'
_MODULES = frozenset("np numpy torch statistics".split())
_NAMES = {
    "scaler": "scaler",
    "imputer": "imputer",
    "encoder": "encoder",
    "target encoder": "encoder",
    "discretizer": "discretizer",
    "feature selection": "selector",
    "projection": "projection",
    "vocabulary": "vectorizer",
}


def fitted_to_training_part(leak: Leak) -> list[Change]:
    """The edits; none where the right code cannot be written from what is known."""
    fit, split = leak.fit.node, leak.split.node
    if (
        not isinstance(fit, s.Call)
        or not isinstance(fit.function, s.Attribute)
        or not isinstance(split, s.Call)
    ):
        return []
    if leak.split.call is None or leak.split.inside or fit.unit is not split.unit:
        return []
    divided, names = assignment_of(split), parts_by_name(split)
    if divided is None or not names:
        return []
    given = [argument for argument in split.arguments if argument.keyword is None and not argument.star]
    if leak.split.call.at < leak.fit.at:
        return _narrowed(fit, leak, names)
    return _moved(fit, divided, [argument.value for argument in given], names, leak)


def fitted_to_fewer(fit: Fit) -> list[Change]:
    """Edits that fit to the first three quarters of the rows, to compare with."""
    call = fit.node
    if not isinstance(call, s.Call) or not isinstance(call.function, s.Attribute):
        return []
    if fit.by_hand:
        return _computed_of_fewer(call, call.function)
    given = [argument for argument in call.arguments if argument.keyword is None]
    if not given or any(argument.star for argument in call.arguments):
        return []
    rows = [f"{_FEWER}({text_of(argument.value)})" for argument in given[:2]]
    if call.function.name == "fit":
        return [replace(argument.value, fewer) for argument, fewer in zip(given, rows, strict=False)]
    if call.function.name != "fit_transform" or len(call.arguments) > 2:
        return []
    named = [f"{a.keyword}={text_of(a.value)}" for a in call.arguments if a.keyword is not None]
    learnt = f"{text_of(call.function.value)}.fit({', '.join([*rows, *named])})"
    return [replace(call, f"{learnt}.transform({text_of(given[0].value)})")]


def _computed_of_fewer(call: s.Call, function: s.Attribute) -> list[Change]:
    """`np.mean(x, axis=0)` and `x.mean(0)` of fewer rows."""
    if function.name not in STATISTICS:
        return []
    of_module = isinstance(function.value, s.Name) and function.value.id in _MODULES
    table = call.arguments[0].value if of_module and call.arguments else function.value
    return [replace(table, f"{_FEWER}({text_of(table)})")] if not of_module or call.arguments else []


def assignment_of(call: s.Node) -> s.Assign | None:
    """The statement that binds what a call gives, where it binds nothing else."""
    for node in s.nodes_in(call.unit.body):
        if isinstance(node, s.Assign) and node.value is not None and node.value.cst is call.cst:
            return node if len(node.targets) == 1 else None
    return None


def parts_by_name(split: s.Call) -> list[str]:
    """`a_train, a_test, b_train, b_test` of `train_test_split(a, b)`; none where one has no name."""
    divided = assignment_of(split)
    if divided is None or not isinstance(divided.targets[0], s.Display):
        return []
    names = [t.id if isinstance(t, s.Name) else "" for t in divided.targets[0].items]
    given = [argument for argument in split.arguments if argument.keyword is None and not argument.star]
    return names if len(names) == 2 * len(given) and all(names) else []


def _narrowed(fit: s.Call, leak: Leak, names: list[str]) -> list[Change]:
    """`scaler.fit(X)` behind the split: the training part in place of the whole."""
    assert isinstance(fit.function, s.Attribute)
    if fit.function.name != "fit" or len(fit.arguments) != 1 or fit.arguments[0].star:
        return []
    return [replace(fit.arguments[0].value, names[2 * leak.split.argument])]


def _moved(
    fit: s.Call, divided: s.Assign, given: list[s.Expression], names: list[str], leak: Leak
) -> list[Change]:
    """`X = scaler.fit_transform(A)` ahead of the split: `X = A` there, and the fit behind it."""
    assert isinstance(fit.function, s.Attribute)
    statement = assignment_of(fit)
    target = statement.targets[0] if statement is not None else None
    if fit.function.name != "fit_transform" or not isinstance(target, s.Name):
        return []
    places = {argument.id: index for index, argument in enumerate(given) if isinstance(argument, s.Name)}
    if target.id not in places or any(argument.star or argument.keyword for argument in fit.arguments):
        return []
    of_labels = [a.value.id if isinstance(a.value, s.Name) else "" for a in fit.arguments[1:]]
    if not fit.arguments or any(name not in places for name in of_labels):
        return []
    train, test = names[2 * places[target.id]], names[2 * places[target.id] + 1]
    first = ", ".join([train, *(names[2 * places[name]] for name in of_labels)])
    named, made = _transformer(fit, leak)
    line = f"{train}, {test} = {named}.fit_transform({first}), {named}.transform({test})"
    whole = fit.arguments[0].value
    if made and isinstance(whole, s.Name):  # the statement goes on to make the transformer
        moved = [replace(target, named), replace(fit, made)]
        if whole.id != target.id:
            moved.append(replace(given[places[target.id]], whole.id))
        return [*moved, insert_after(divided, line)]
    same = isinstance(whole, s.Name) and whole.id == target.id
    before = remove_statement(fit) if same else replace(fit, text_of(whole))
    return [
        before,
        *([insert_before(divided, f"{named} = {made}")] if made else []),
        insert_after(divided, line),
    ]


def _transformer(fit: s.Call, leak: Leak) -> tuple[str, str]:
    """The name by which the transformer goes, and what makes it where it has none yet."""
    assert isinstance(fit.function, s.Attribute)
    holder = fit.function.value
    if isinstance(holder, (s.Name, s.Attribute)):
        return text_of(holder), ""
    name = _NAMES.get(leak.fit.kind, "transformer")
    taken = fit.unit.code_words
    return (name if name not in taken else f"{name}_of_training"), text_of(holder)
