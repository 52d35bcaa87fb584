"""The words a rule is written in.

A rule is a module of `rules/` (or of a user's own folder): its file name is its name, its folder its
family, its docstring its page and its tests, its `rule` the value defined here. No registry, no base class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from trainlint.diagnostic import Applicability, Certainty, Level
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.place import Change, Place
    from trainlint.meaning.program import Program
    from trainlint.run import Effect, Runs

OptionValue = int | float | str | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A documented threshold of a rule. `source` names the paper, manual or sweep behind the default."""

    default: OptionValue
    help: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """The option values in force for one rule, after configuration."""

    values: Mapping[str, OptionValue] = field(default_factory=dict)

    def __getitem__(self, name: str) -> OptionValue:
        return self.values[name]

    def number(self, name: str) -> float:
        value = self.values[name]
        if isinstance(value, (int, float)):
            return float(value)
        raise TypeError(f"option {name} is not a number")

    def words(self, name: str) -> tuple[str, ...]:
        value = self.values[name]
        return value if isinstance(value, tuple) else (str(value),)


@dataclass(frozen=True, slots=True)
class Needs:
    """What an experiment wants from its rig, so that `verify` never knows a rule's name.

    `weights="own"`: about the weights that training starts with; where these stand in for others, nothing is said.
    `checkpoints="cuda"`: files are loaded as if they had been saved from a GPU. What the program brings
    itself (data, targets, sizes) is never replaced.
    """

    steps: int = 8  # optimizer steps (or batches) per loop
    epochs: int = 1  # of loops around such loops
    seeds: int = 1
    device: Literal["any", "cuda"] = "any"
    ranks: int = 1
    targets: Literal["any", "both-signs", "classes", "one-hot", "non-negative"] = "any"
    data: Literal["any", "class-ordered", "as-named"] = (
        "any"  # "as-named": made-up columns as wide as names say
    )
    checkpoints: Literal["any", "cuda"] = "any"
    weights: Literal["any", "own"] = "any"
    batches: Literal["any", "own"] = "any"  # "own": as large as the program says, not cut down
    alone: bool = False  # the flagged statement shows it by itself, wherever it stands
    criterion: str = (
        ""  # the loss of torch.nn that the finding speaks of, where the program's own is not at hand
    )
    network: bool = (
        False  # its layers show it: a network that the program only builds is trained on made-up batches
    )
    order: bool = False  # which calls a loop makes in which order shows it, whatever the loss is made of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule says. `place` and the places in `because` are nodes that `meaning` handed out.

    `level` may only lower what the rule promises. `known` is the weakest evidence that the finding
    rests on: a conventional one caps it at a warning, a guess silences it. `fix` is what `--fix` writes;
    `control` is the edit that the experiment compares with where no fix can be offered. `plant` makes the harm certain
    where it is flagged: what shows nothing as written is refuted only if the same experiment shows it then. `beside` are
    edits that all these programs get, where another finding would hide what becomes of this one.
    """

    place: Place
    message: str
    because: Sequence[tuple[Place, str]] = ()
    fix: Sequence[Change] = ()
    control: Sequence[Change] = ()
    plant: Sequence[Change] = ()
    beside: Sequence[Change] = ()
    level: Level | None = None
    applicability: Applicability | None = None  # None: what the rule declares
    title: str = ""  # of the fix, in the imperative; empty: derived from the rule's name
    known: Certainty = "constructed"


@dataclass(frozen=True, slots=True)
class Rule:
    """A check, its experiment and its promises.

    `words`: a file can only matter to this rule if it contains one of them (the text gate; empty: any
    file). `renamed_from`: earlier names, still selectable. `default`: part of the default selection.
    `yields_to`: rules whose finding at the same place or on the same defect absorbs this one's.
    """

    check: Callable[[Program, Options], Iterator[Finding]]
    symptom: Callable[[Runs, Runs], Effect | None] | None
    level: Level
    since: str
    fix: Applicability | None = None
    needs: Needs = Needs()
    options: Mapping[str, Option] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    renamed_from: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    default: bool = True
    gain: int = 2  # what following an advice brings, from 1 (little) to 3 (much); 0: never withheld
