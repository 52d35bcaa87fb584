"""Networks whose first layer takes numbers as they come: bytes of pictures, columns of different scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.meaning.architecture import is_pretrained
from trainlint.meaning.architectures import is_other_field, takes_derivatives
from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import speaks_of
from trainlint.meaning.dataflow import inputs_of, walk
from trainlint.meaning.extent import Column, Extent
from trainlint.meaning.extents import Extents
from trainlint.meaning.facts.layers import MIXING, NORMALISING, RECURRENT, layer_name
from trainlint.meaning.facts.tables import SPLIT
from trainlint.meaning.fragments import has_no_imports
from trainlint.meaning.objectives import Objective
from trainlint.meaning.objects import is_module
from trainlint.meaning.standardising import standardised
from trainlint.meaning.syntax import Node
from trainlint.meaning.transformers import fitted_object, made_by
from trainlint.meaning.values import External, Instance, Item, Member, Result, Value, called, constant, one
from trainlint.records import dataclass

if TYPE_CHECKING:
    from trainlint.meaning.place import Change
    from trainlint.meaning.program import Program

_OTHERWISE = re.compile(  # where pixels are what is learnt, or have to stay within their range
    r"(?i)(?:^|_)(?:c?vae|vqvae|d?c?gan|gans|discriminators?|denois\w*|diffusion|ddpm|unet_diffusion|auto_?encoders?|inpaint\w*"
    r"|reconstruct\w*|super_?resolution|fgsm|pgd|adversarial\w*|torchattacks|foolbox|snntorch|spiking|spikes?|lif|capsule\w*|nerf"
    r"|siren|normali[sz]e_images?|normali[sz]er|instancenorm2d)(?:_|$)"
)
_NORMALISING_THEMSELVES = ("torchvision.models.detection.", "torchvision.models.quantization.")
_LIBRARIES = (
    "torchvision.models.",
    "timm.create_model",
    "timm.models.",
    "segmentation_models_pytorch.",
    "efficientnet_pytorch.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Unscaled:
    """An input that reaches the first layer of a network as it is."""

    extent: Extent
    layer: Instance
    behind_norm: bool  # a normalisation takes what the layer gives
    program: Program

    @property
    def node(self) -> Node:
        assert self.extent.node is not None
        return self.extent.node

    @property
    def is_of_bytes(self) -> bool:
        """Whether a picture's values go far beyond 1."""
        return self.extent.of_pictures and self.largest > 10 and min(c.low for c in self.extent.columns) >= 0

    @property
    def is_off_centre(self) -> bool:
        """Whether a picture's values are from 0 to 1, all of one sign, and no normalisation follows the layer."""
        column = self.extent.columns[0]
        return (
            self.extent.of_pictures and column.low >= 0 and 0.5 <= column.high <= 1.5 and not self.behind_norm
        )

    @property
    def ordered(self) -> list[Column]:
        """The columns of a table that vary, the widest first."""
        return sorted((c for c in self.extent.columns if c.width > 0), key=lambda c: -c.width)

    @property
    def ratio(self) -> float:
        """The widest column by the narrowest."""
        ordered = self.ordered
        return ordered[0].width / ordered[-1].width if ordered and not self.extent.of_pictures else 1.0

    @property
    def largest(self) -> float:
        return max(max(abs(c.low), abs(c.high)) for c in self.extent.columns)

    @property
    def edits(self) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """What normalises the input, as a fix and for the experiment only."""
        by_estimator = isinstance(self.layer.cls, External) and self.layer.cls.name.startswith("sklearn.")
        return ((), ()) if by_estimator else standardised(self.program, self.extent)

    @property
    def layer_node(self) -> Node | None:
        return self.layer.node


def _is_updated(program: Program) -> bool:
    """Whether something changes weights, or what is at hand is a piece of a program that may go on to do it."""
    changed = any(program.events(kind) for kind in ("step", "update", "fit", "descent"))
    return changed or bool(program.optimizers) or any(map(has_no_imports, program.units))


def unscaled(program: Program) -> list[Unscaled]:
    """One for each place where such numbers are made."""
    learning = [o for o in program.objectives if o.learns and o.reaches_backward]
    if not (learning or any(map(_fits, program.reading.tables.calls))):
        return []
    if is_other_field(program) or takes_derivatives(program) or is_otherwise(program):
        return []
    if not (_is_updated(program) or program.reading.tables.calls):
        return []  # a loss is shown, nothing learns
    extents, found = Extents(program.reading.tables), dict[int, Unscaled]()
    for objective in learning:
        if is_in_unit_test(objective.event):
            continue
        if _is_of_pixels(extents, objective):
            return []
        for made in first_layers(program, extents, objective.prediction):
            if not made.extent.of_pictures or is_labelled(objective):
                found.setdefault(id(made.node.cst), made)
    for made in _by_estimators(program, extents):
        found.setdefault(id(made.node.cst), made)
    return list(found.values())


def _fits(call: Result) -> bool:
    return isinstance(call.callee, Member) and call.callee.name == "fit" and bool(call.arguments)


def _by_estimators(program: Program, extents: Extents) -> Iterator[Unscaled]:
    """`MLPClassifier().fit(x, y)` of scikit-learn."""
    for call in program.reading.tables.calls:
        if not _fits(call) or not isinstance(call.callee, Member):
            continue
        network = fitted_object(call.callee.receiver)
        if isinstance(network, Instance) and (made_by(network) or "").startswith("sklearn.neural_network."):
            extent = extents.of(call.arguments[0])
            if extent is not None and call.node is not None:
                yield Unscaled(extent.at(call.node), network, False, program)


def is_otherwise(program: Program) -> bool:
    return speaks_of(program, _OTHERWISE)


def _is_of_pixels(extents: Extents, objective: Objective) -> bool:
    """Whether a picture is what a network has to give."""
    return any(
        found is not None and found.of_pictures
        for value in _content(objective.target)
        if isinstance(value, (Item, Result))
        for found in [extents.of(value)]
    )


def _content(target: Value) -> Iterator[Value]:
    """What the numbers of a target come from: not what says which rows of it, nor what was divided beside it."""
    pending, seen = [target], set[int]()
    while pending and len(seen) < _FAR:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        match value:
            case Instance():
                continue
            case Item(source=source, key=key):
                split, place = one(source), constant(key) if key is not None else None
                if called(split) == SPLIT and isinstance(split, Result) and isinstance(place, int):
                    pending += split.arguments[place // 2 : place // 2 + 1]
                else:
                    pending.append(source)
            case _:
                pending += inputs_of(value)


_FAR = 5_000


def is_labelled(objective: Objective) -> bool:
    """Whether the target is part of the data, and not made up by the program: ones for what is real."""
    if objective.criterion.kind in ("cross-entropy", "nll"):
        return True
    return any(
        isinstance(v, (Item, Member)) and not isinstance(one(getattr(v, "source", v)), Result)
        for v in walk(objective.target)
    )


def first_layers(program: Program, extents: Extents, prediction: Value) -> Iterator[Unscaled]:
    values = [v for v in walk(prediction) if isinstance(v, Result)]
    normalised = {id(v.arguments[0]) for v in values if v.arguments and _is_norm(one(v.callee))}
    for value in values:
        layer = one(value.callee)
        if not isinstance(layer, Instance) or not value.arguments or not _is_layer(layer):
            continue
        extent = extents.of(value.arguments[0])
        if extent is not None and extent.node is not None and not extent.bytes:
            yield Unscaled(extent, layer, id(value) in normalised and not is_pretrained(layer), program)


def _is_layer(layer: Instance) -> bool:
    """A layer of torch.nn's that mixes what it is given, or a whole network of a library's."""
    if not isinstance(layer.cls, External):
        return False
    name = layer.cls.name
    if layer_name(name) in MIXING | RECURRENT:
        return True
    return name.startswith(_LIBRARIES) and not name.startswith(_NORMALISING_THEMSELVES) and is_module(layer)


def _is_norm(layer: Value) -> bool:
    return (
        isinstance(layer, Instance)
        and isinstance(layer.cls, External)
        and layer_name(layer.cls.name) in NORMALISING
    )
