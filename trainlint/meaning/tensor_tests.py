"""Conditions that ask whether a value is a tensor, and what the value is where it is none."""

from __future__ import annotations

from trainlint.meaning.attachment import attached
from trainlint.meaning.syntax import Expression
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Constant, External, Result, Sequence, Unknown, Value, choice, options

_TENSORS = frozenset(
    f"torch.{name}" for name in ("Tensor", "autograd.Variable", "autograd.variable.Variable", "FloatTensor")
)


def no_tensor_where(test: Value, holds: bool) -> Value | None:
    """The value that is no tensor where a condition holds, or where it does not: `x` of `isinstance(x, torch.Tensor)`."""
    match test:
        case Result(callee=External(name="operator.unarynot"), arguments=(inner,)):
            return no_tensor_where(inner, not holds)
        case Result(callee=External(name="torch.is_tensor"), arguments=(asked,)):
            return None if holds else asked
        case Result(callee=External(name="builtins.isinstance"), arguments=(asked, classes)):
            names = _names(classes)
            if not names or any(name in _TENSORS for name in names) is holds:
                return None
            return asked if not holds or all(not name.startswith("torch.") for name in names) else None
        case Result(
            callee=External(name="builtins.hasattr"),
            arguments=(asked, Constant(value="item" | "detach" | "requires_grad")),
        ):
            return None if holds else asked
    return None


def _names(classes: Value) -> list[str]:
    """The classes that are asked for; nothing where one is not a library's."""
    each = classes.items if isinstance(classes, Sequence) and not classes.open else (classes,)
    names = [one.name for one in each if isinstance(one, External)]
    return names if len(names) == len(each) else []


def is_kept_as_number(event: Event) -> bool:
    """Whether what is kept is no tensor where it is kept, as the conditions around say."""
    return any(
        no_tensor_where(test, holds) is event.value
        for region in event.region.ancestors()
        for test, holds in region.given
    )


def as_number(value: Value, node: Expression) -> Value:
    """What a value may be beside a tensor."""
    numbers = [option for option in options(value) if attached(option) is not True]
    return choice(numbers, node) if numbers else Unknown("a number", node)
