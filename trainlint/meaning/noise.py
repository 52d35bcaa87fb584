"""Data with nothing to learn: targets that are drawn at random whatever the inputs are."""

from __future__ import annotations

from trainlint.meaning.values import External, Instance, Item, Member, Result, Value, one

_DRAWN = frozenset(
    "randn rand zeros ones randint empty full normal uniform standard_normal linspace arange".split()
)
_SAME = frozenset(
    "float long double to numpy astype fit_transform transform unsqueeze type cuda cpu type_as clone detach int".split()
)


def is_noise(dataset: Value) -> bool:
    """Whether the targets are drawn at random whatever the inputs are: there is nothing to learn."""
    match one(dataset):
        case Instance(cls=External(name="torch.utils.data.TensorDataset"), arguments=(_, *targets)):
            return all(_is_drawn(target) for target in targets)
        case Item(
            source=Result(callee=External(name="torch.utils.data.random_split"), arguments=(whole, *_))
        ):
            return is_noise(whole)
    return False


def _is_drawn(value: Value) -> bool:
    match one(value):
        case Result(callee=External(name=name)) if name.rpartition(".")[2] in _DRAWN:
            return True
        case Result(callee=Member(receiver=receiver, name=name)) if name in _SAME:
            return _is_drawn(receiver)
    return False
