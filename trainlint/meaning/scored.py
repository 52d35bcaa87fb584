"""Whether a Trainer of transformers ever scores the data that it is given for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.syntax import Attribute, Call, nodes_in
from trainlint.meaning.values import External, Instance, Value, constant, one, passed

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_STRATEGIES = ("eval_strategy", "evaluation_strategy")
_SWITCHES = ("eval_on_start", "evaluate_during_training")


def scores_its_data(program: Program, trainer: Instance) -> bool:
    """Whether its settings tell a trainer to evaluate as it trains, or somebody calls `trainer.evaluate()`.

    Settings that are not seen may be those of any other object that names a strategy.
    """
    given = passed(trainer, 1, "args")
    settings = one(given) if given is not None else None
    if isinstance(settings, Instance) and isinstance(settings.cls, External):
        return _asks(settings) or _is_told_to(program)
    return any(map(_asks, program.instances)) or _is_told_to(program)


def _asks(settings: Instance) -> bool:
    known: dict[str, Value] = {**settings.keywords, **settings.attributes}
    return any(constant(known[name]) not in ("no", None) for name in _STRATEGIES if name in known) or any(
        constant(known[name]) is not False for name in _SWITCHES if name in known
    )


def _is_told_to(program: Program) -> bool:
    """`trainer.evaluate()`, which takes the data that the trainer has; with other data it scores that."""
    return any(
        isinstance(call, Call)
        and isinstance(call.function, Attribute)
        and call.function.name == "evaluate"
        and not any(a.keyword in (None, "eval_dataset") for a in call.arguments)
        for unit in program.units
        if "evaluate" in unit.code_words
        for call in nodes_in(unit.body)
    )
