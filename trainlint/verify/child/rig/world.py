"""The data that an experiment trains on where the program brings none: one choice for all of its parts.

Choices are made once, from the model and the criterion that are there when the first value is asked for, and
travel back to the parent, which hands them to the other arms and seeds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..record import Record
from .complaints import Shape
from .encoders import Output
from .fitting import DEFAULT, LENGTHS, fit_input, likely_shape, sample

CLASSES = 10
ROWS = 8
SIZED = re.compile(
    r"(?i)(?:size|shape|crop|im(?:g|age)|resol)\w*[^\n\[(]{0,20}[(\[]+\s*(\d{2,4}),\s*(\d{2,4})\s*[)\],]"
)
SAID = re.compile(r"\b(?:one_hot\([^()]*?,\s*(?:num_classes\s*=\s*)?|num_classes\s*=\s*)(\d+)\b")
BY_WORD = re.compile(  # scores that are laid out for the loss
    r"transpose\(1, ?2\)|transpose\(-?[12], ?-[12]\)|permute\(0, ?2, ?1\)|swapaxes\(1, ?2\)|(view|reshape)\(-1, ?(?!1\))\S"
    r"|flatten\(0, ?1\)|(view|reshape)\(\w+ ?\* ?\w+, ?\w+\)"
)
LARGEST_PICTURE, MOST_SIDES = 400_000, 4  # of those that a program's text speaks of
CRITERIA = {
    "CrossEntropyLoss": "classes", "cross_entropy": "classes", "NLLLoss": "classes", "nll_loss": "classes",
    "MultiMarginLoss": "classes", "BCELoss": "binary", "binary_cross_entropy": "binary", "BCEWithLogitsLoss": "binary",
    "binary_cross_entropy_with_logits": "binary", "MultiLabelSoftMarginLoss": "binary", "MSELoss": "number",
    "mse_loss": "number", "L1Loss": "number", "l1_loss": "number", "SmoothL1Loss": "number", "smooth_l1_loss": "number",
    "HuberLoss": "number", "huber_loss": "number",
}  # fmt: skip
LABELS = re.compile(
    r"(^|_)(y|t|labels?|lbls?|targets?|tgt|gt|truth|annotations?|trg|classes|cls|answers?)(_|\d|$)",
    re.IGNORECASE,
)
TEXTS = re.compile(r"(?i)(^|_)(captions?|caps?|texts?|tokens?|sentences?|reports?|questions?)(_|$)")
OF_WORDS: Shape = {"kind": "whole", "shape": [12], "high": 100}


@dataclass
class World:
    record: Record
    text: str
    seed: int
    targets: str
    order: str
    form: dict[str, Any]  # how the program takes batches apart
    choices: dict[str, Any] = field(default_factory=dict)
    provisional: bool = False
    asked: str = ""  # the loss function that the finding speaks of

    def __post_init__(self) -> None:
        self.form = self.choices.get("form") or self.form

    @property
    def samples(self) -> int:
        """Few, unless the program insists on large batches."""
        return 1024 if self.choices.get("batches") == "own" else 128

    @property
    def criterion(self) -> str:
        """What the program's loss function compares with: classes, binary, number, or unknown."""
        found = re.findall(r"\w+", self.text)
        kinds = [CRITERIA[word] for word in found if word in CRITERIA]
        if "one_hot" in found and "binary" in kinds:
            return "classes"
        return kinds[0] if kinds else CRITERIA.get(self.asked, "unknown")

    def settle(self, models: Collection[Any], texts: Iterable[str] = ()) -> None:
        """Choose shapes, if that has not been done, by the first model that can be fitted.

        `texts` are programs that may say how large pictures are.
        """
        models = list(models)
        if "input" not in self.choices or (self.provisional and models):
            self.provisional = not models  # a batch that is looked at before there is a network
            with self.record.pause():
                sides = sides_in(texts)
                fitted = (fit_input(model, sides) for model in models)
                guess = next((likely_shape(model) for model in models), DEFAULT)
                self._choose(*next((found for found in fitted if found is not None), (guess, None)))
        given = "x".join(str(size) for size in self.choices["input"]["shape"]) or "one number"
        kind = self.choices["target"]["kind"]
        self.record.substitute(f"data: stand-in inputs of {given}, targets: {kind}")

    def _choose(self, shape: Shape, output: Any) -> None:
        self.choices["input"] = shape
        options = list(self._target_options(output))
        self.choices["target"] = options[int(self.choices.get("variant", 0)) % len(options)]
        self.choices["options"] = len(options)

    def _target_options(self, output: Any) -> Iterator[Shape]:
        """What targets could be, likeliest first."""
        kind = self.criterion
        output = first_tensor(output)
        width = int(output.shape[1]) if output is not None and output.dim() > 1 else 1
        high = min([width if width > 1 else CLASSES, *self._said()])
        whole = {"kind": "classes", "high": high, "shape": _places(output)}
        same = list(output.shape[1:]) if output is not None else [1]
        flat = same[:-1] if same[-1:] == [1] else same
        number: Shape = {"kind": "binary" if kind == "binary" else "number", "shape": same}
        squeezed: Shape = {**number, "shape": flat}
        flattens = re.search(
            r"squeeze\(|view\(-1\)|flatten\(\)|reshape\(-1\)|\(-1, 1\)|\[:, 0\]|\[:, None\]", self.text
        )
        likely = [squeezed, number] if flattens else [number, squeezed]
        if kind == "classes" or (kind == "unknown" and width > 1 and self.targets != "both-signs"):
            words = [*_words(output)]
            yield from (*words, whole, *likely) if BY_WORD.search(self.text) else (whole, *likely, *words)
        else:
            yield from (*likely, whole)

    def _said(self) -> Iterator[int]:
        """As many classes as the program says in plain numbers: of a network with several outputs one is as wide."""
        yield from (number for number in map(int, SAID.findall(self.text)) if number > 1)

    def inputs(self, rows: int, first: int = 0) -> Any:
        """Rows of inputs, the same ones whenever the same rows are asked for."""
        shape: Shape = self.choices["input"]
        values = torch.cat([sample(shape, 1, self._key(row)) for row in range(first, first + rows)])
        target = self.choices["target"]
        if shape["kind"] == "float" and target["kind"] == "classes":
            for row, label in enumerate(self.classes(rows, first)):
                values[row] += sample(shape, 1, 7_000_003 + label)[0]  # each class around its own centre
        return values

    def target_values(self, rows: int, first: int = 0) -> Any:
        target = self.choices["target"]
        size = (rows, *target["shape"])
        if target["kind"] == "classes":
            labels = torch.tensor(self.classes(rows, first))
            return labels.reshape(rows, *[1] * len(target["shape"])).expand(size).clone()
        noise = torch.cat(
            [
                torch.randn(1, *target["shape"], generator=_generator(self._key(row) + 1))
                for row in range(first, first + rows)
            ]
        )
        if target["kind"] == "binary":
            return (noise > 0).float()
        inputs = self.inputs(rows, first).float().flatten(1)
        trend = inputs.mean(1) * inputs.shape[1] ** 0.5 if inputs.shape[1] else torch.zeros(rows)
        values = trend.reshape(rows, *[1] * len(target["shape"])) + 0.1 * noise
        return values.abs() if self.targets == "non-negative" else values

    def classes(self, rows: int, first: int) -> list[int]:
        """Labels of these samples: class after class where the experiment wants that, else mixed."""
        high = int(self.choices["target"]["high"])
        if self.order == "class-ordered":
            return [row * high // self.samples % high for row in range(first, first + rows)]
        return [(row * 7 + row // high) % high for row in range(first, first + rows)]

    def _key(self, row: int) -> int:
        return self.seed * 1_000_003 + 2 * row

    def batch(self, rows: int, first: int = 0) -> Any:
        """Inputs and targets in the form in which the program takes a batch apart."""
        form = self.form.get("form", "tuple")
        names = [str(name) for name in self.form.get("names", ("x", "y"))]
        if form == "single":
            return self.inputs(rows, first)
        values = {name: self.value(name, place, len(names), rows, first) for place, name in enumerate(names)}
        return values if form in ("dict", "object") else tuple(values[name] for name in names)

    def value(self, name: str, place: int, count: int, rows: int, first: int) -> Any:
        inner = (self.form.get("inner") or {}).get(name)
        if inner:
            return {str(key): self.value(str(key), 0, 1, rows, first) for key in inner}
        last = place == count - 1 and count > 1
        if place and LENGTHS.search(name):
            return torch.full((rows,), self._length())
        if place and TEXTS.search(name) and self.choices["input"]["kind"] == "float":
            return sample(OF_WORDS, rows, self._key(first))  # beside pictures or sounds
        if LABELS.search(name) or (
            last and not any(LABELS.search(str(other)) for other in self.form.get("names", ()))
        ):
            return self.target_values(rows, first)
        if re.search(r"mask", name):
            return torch.ones(rows, *self.choices["input"]["shape"], dtype=torch.long)
        if re.search(r"(^|_)(idx|index|ids?)$", name) and place:
            return torch.arange(first, first + rows)
        return self.inputs(rows, first)

    def _length(self) -> int:
        """How long the sequences of a batch are: of the texts, if it has some."""
        shape = self.choices["input"]["shape"]
        if any(TEXTS.search(str(name)) for name in self.form.get("names", ())):
            return int(OF_WORDS["shape"][0])
        return int(shape[0]) if shape else 1


def sides_in(texts: Iterable[str]) -> list[tuple[int, int]]:
    """Heights and widths of pictures that programs name, smallest first."""
    pairs = {(int(high), int(wide)) for text in texts for high, wide in SIZED.findall(text)}
    named = [(high, wide) for high, wide in pairs if high >= 16 <= wide and high * wide <= LARGEST_PICTURE]
    return sorted(named, key=lambda size: size[0] * size[1])[:MOST_SIDES]


def first_tensor(output: Any) -> Any:
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        output = list(output.values())
    parts = output if isinstance(output, (tuple, list)) else ()
    return next((found for found in map(first_tensor, parts) if found is not None), None)


def _words(output: Any) -> Iterator[Shape]:
    """A class for each word, where the scores of a text come as words by classes."""
    if output is not None and output.dim() == 3 and int(output.shape[2]) > 1:
        yield {"kind": "classes", "high": int(output.shape[2]), "shape": [int(output.shape[1])]}


def _places(output: Any) -> list[int]:
    """The dimensions that have a class each: none, the pixels of an image, the words of a text."""
    return list(output.shape[2:]) if output is not None else []


def _generator(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


class StandIn(nn.Module):  # type: ignore[misc,unused-ignore]
    """A network that takes whatever it is called with: the first tensor is its input.

    `pieces` is how many values the program takes its output apart into: the first is the output, the others have one
    row of 8 numbers for each sample. Those at the places of `losses` are what the program goes back from. `entries` are
    the names under which it asks for parts of the output, where it does: `logits` of `model(x).logits`.
    """

    def __init__(
        self,
        shape: Shape,
        body: list[nn.Module],
        pieces: int = 1,
        losses: Collection[int] = (),
        entries: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.entries = entries
        self.shape, self.features = shape, math.prod(shape["shape"])
        self.pieces, self.losses = pieces, losses
        self.body = nn.Sequential(*body)

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        given = first_tensor([*arguments, *keywords.values()])
        if given is None:  # what it is called with is as little here as the network itself
            given = sample(self.shape, ROWS, 0).to(self.body[0].weight.device)
        rows = given.float().reshape(given.shape[0] if given.dim() else 1, -1)
        if rows.shape[1] != self.features:
            rows = nn.functional.adaptive_avg_pool1d(rows[:, None], self.features)[:, 0]
        hidden = self.body[0](rows)
        output = self.body[1:](hidden)
        loss, given = output.square().mean(), [output]
        if self.entries:
            return Output({name: loss if name.endswith("loss") else output for name in self.entries})
        if self.losses and self.pieces == 1:
            return loss
        further = nn.functional.adaptive_avg_pool1d(hidden[:, None], 8)[:, 0]  # learnt as the output is
        made = tuple(
            loss if place in self.losses else given.pop() if given else further.clone()
            for place in range(self.pieces)
        )
        return made if self.pieces > 1 else output


def stand_in_model(
    world: World, pieces: int = 1, losses: Collection[int] = (), entries: Collection[str] = ()
) -> Any:
    """A small network with dropout and batch normalisation that takes and gives what the data wants."""
    world.settle(())
    shape: Shape = world.choices["input"]
    target = world.choices["target"]
    outputs = (
        int(target["high"])
        if target["kind"] == "classes"
        else int(torch.tensor([1, *target["shape"]]).prod())
    )
    body: list[nn.Module] = [
        nn.Linear(math.prod(shape["shape"]), 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, outputs),
    ]
    if re.search(r"\bNLLLoss\b|\bnll_loss\b", world.text):
        body.append(nn.LogSoftmax(dim=1))
    if re.search(r"\bBCELoss\b|\bbinary_cross_entropy\b", world.text):
        body.append(nn.Sigmoid())
    return StandIn(shape, body, pieces, losses, entries)
