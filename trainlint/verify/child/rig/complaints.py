"""What a network says about inputs that it does not take, as other shapes that it may take.

Each reading below knows one kind of message of PyTorch (or of Python, where sizes are taken apart) and yields shapes for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

Shape = dict[
    str, Any
]  # {"kind": "float" or "whole", "shape": [...], "high": n}; shapes are those of one sample
ROWS = 4
LARGE = 200_000  # numbers in one sample
LARGEST_SIDE, LONGEST_SIGNAL = 1024, 1 << 16
STEP = 32  # a picture whose sides are multiples of this comes out as large as it went in, halved and doubled again
FLOATS = re.compile(
    r"must have the same dtype, but got Long and|Input type \((long int|torch\.LongTensor|Long)|"
    r"input dtype \(torch\.int64\) does not match|expected scalar type \w+ but found Long"
)
BEYOND = re.compile(r"(?<!tuple )index out of range|smaller than num_classes")  # of a table
TOO_SMALL = re.compile(
    r"Output size is too small|Invalid computed output size|[Kk]ernel size can't be greater than actual input size"
)
SHORT = re.compile(r"input size per channel: \(([\dx ]+)\)\. Kernel size: \(([\dx ]+)\)")
UNEQUAL = re.compile(
    r"size of tensor a \((\d+)\) must match the (?:existing )?size (?:of tensor b )?\((\d+)\)(?:.*dimension (\d+))?"
)
TAKEN_AS = re.compile(r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)")


def rows_of(shape: Shape) -> int:
    """How many samples are tried at once."""
    return ROWS if math.prod(shape["shape"]) < LARGE else 2


def adapted(shape: Shape, complaint: str) -> Iterator[Shape]:
    """Other shapes that an error message points to, likeliest first."""
    yield from _as_wide_as_layers(shape, complaint)
    yield from _as_many_sides(shape, complaint)
    yield from _as_wide_as_others(shape, complaint)
    yield from _resized(shape, complaint)
    yield from _of_other_kind(shape, complaint)
    if match := re.search(r"Expected (\d)D .*or (\d)D|[Ee]xpected ((\d))D", complaint):
        sides = int(match[2] or match[4]) - 1
        yield {**shape, "shape": [*([3] if sides == 3 else []), *[32] * (sides - (sides == 3))]}


def _as_wide_as_layers(shape: Shape, complaint: str) -> Iterator[Shape]:
    """As many numbers or channels as a layer was made for."""
    if match := re.search(
        r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", complaint
    ):
        given, wanted = int(match[2]), int(match[3])
        if len(shape["shape"]) == 3:
            yield from _scaled_image(shape, wanted / given)
        else:
            yield from _longer(shape, given, wanted)
            yield {**shape, "shape": [*shape["shape"][:-1], wanted]}
    if match := re.search(r"to have (\d+) channels, but got (\d+) channels", complaint):
        yield {**shape, "shape": [int(match[1]), *shape["shape"][1:]]}
        yield from _with(shape, int(match[2]), int(match[1]))
    if match := re.search(r"expected input with shape \[\*((?:, \d+)+)\]", complaint):
        sizes = [int(size) for size in match[1].split(",") if size.strip()]
        yield {**shape, "shape": [*([7] if len(sizes) == 1 else []), *sizes]}
        yield {**shape, "shape": sizes}
    if match := re.search(r"running_mean should contain (\d+) elements not (\d+)", complaint):
        yield from _with(shape, int(match[1]), int(match[2]))
    if match := re.search(r"(?:input_size\. Expected|got \d+ expected) (\d+)", complaint):
        yield {**shape, "shape": [*(shape["shape"][:-1] or [7]), int(match[1])]}
    if match := re.search(r"expecting embedding dimension of (\d+)", complaint):
        yield {**shape, "shape": [*(shape["shape"][:-1] or [7]), int(match[1])]}


def _as_many_sides(shape: Shape, complaint: str) -> Iterator[Shape]:
    """With the dimensions that a program counts on when it takes sizes apart or asks for one of them."""
    given = len(shape["shape"]) + 1
    wanted = 0
    if match := re.search(
        r"values to unpack \(expected (\d)|equal to len\(dims\) = (\d)|equation \((\d)\)", complaint
    ):
        wanted = int(match[1] or match[2] or match[3])
    elif match := re.search(r"Dimension out of range .* but got (\d)", complaint):
        wanted = int(match[1]) + 1
    elif "too many indices for tensor" in complaint or "tuple index out of range" in complaint:
        wanted = given + 1
    if not 1 < wanted < 6 or wanted == given:
        return
    sides, taken = wanted - 1, list(shape["shape"])
    if shape["kind"] == "whole":
        yield {**shape, "shape": ([7] * sides + taken)[-sides:]}
        return
    yield {**shape, "shape": [3, 32, 32][:sides] if sides != 2 else [7, *(taken[-1:] or [16])]}
    yield {**shape, "shape": ([1] * sides + taken)[-sides:]}


def _as_wide_as_others(shape: Shape, complaint: str) -> Iterator[Shape]:
    """As large as what it is put together with: one number for each field, a step for each position."""
    match = UNEQUAL.search(complaint)
    if match is None:
        if found := re.search(r"must match the (?:existing )?size \((\d+)\)", complaint):
            yield {**shape, "shape": [*shape["shape"][:-1], int(found[1])]}
        return
    one, other, place = int(match[1]), int(match[2]), int(match[3] or 0) - 1
    if len(shape["shape"]) == 3 and one > 1 and other > 1:
        yield from _scaled_image(shape, (other - 1) / (one - 1))  # a step for each patch and one before all
        yield from _scaled_image(shape, other / one)
    yield {**shape, "shape": [*shape["shape"][:-1], other]}
    yield from _with(shape, one, other)
    yield from _with(shape, other, one)
    if 0 <= place < len(shape["shape"]) and shape["shape"][place] + other - one > 0:
        sizes = list(shape["shape"])
        sizes[place] += other - one
        yield {**shape, "shape": sizes}


def _with(shape: Shape, given: int, wanted: int) -> Iterator[Shape]:
    """The same with another size in the last place that has the given one, then in all of them."""
    sizes = shape["shape"]
    if given in sizes:
        last = len(sizes) - 1 - sizes[::-1].index(given)
        yield {**shape, "shape": [*sizes[:last], wanted, *sizes[last + 1 :]]}
        yield {**shape, "shape": [wanted if size == given else size for size in sizes]}


def _of_other_kind(shape: Shape, complaint: str) -> Iterator[Shape]:
    """Whole numbers instead of others, and the other way round; codes that a table is large enough for."""
    if "Expected tensor for argument #1 'indices'" in complaint or "must be Long" in complaint:
        yield {"kind": "whole", "shape": [12], "high": 100}
    if "only applicable to index tensor" in complaint:
        yield {"kind": "whole", "shape": shape["shape"], "high": 100}
    if FLOATS.search(complaint) and shape["kind"] == "whole":
        yield {"kind": "float", "shape": shape["shape"] or [1]}
    high = int(shape.get("high", 0))
    if BEYOND.search(complaint) and high > 2:
        yield {**shape, "high": max(2, high // 8)}


def _longer(shape: Shape, given: int, wanted: int) -> Iterator[Shape]:
    """Sequences of another length, where all of their steps go into a layer together."""
    if len(shape["shape"]) == 2 and given > shape["shape"][0] and shape["shape"][0] * wanted % given == 0:
        yield {**shape, "shape": [shape["shape"][0] * wanted // given, shape["shape"][1]]}


def _resized(shape: Shape, complaint: str) -> Iterator[Shape]:
    """Sides that grow where kernels are larger than they are, or until features flatten to as many as are wanted."""
    if (match := SHORT.search(complaint)) and len(shape["shape"]) == 4:
        got, kernel = ([int(side) for side in match[part].split("x")] for part in (1, 2))
        grown = [side + max(0, k - g) for side, g, k in zip(shape["shape"][1:], got, kernel)]
        yield {**shape, "shape": [shape["shape"][0], *grown]}
    elif match := TAKEN_AS.search(complaint):
        yield from _taken_as(shape, [int(size) for size in match[1].split(",")], int(match[2]))
    elif TOO_SMALL.search(complaint) and len(shape["shape"]) > 1:
        sides = shape["shape"][1:]
        if max(sides) < (LONGEST_SIGNAL if len(sides) == 1 else LARGEST_SIDE):
            yield {**shape, "shape": [shape["shape"][0], *(2 * side for side in sides)]}
    elif "Sizes of tensors must match except in dimension 1" in complaint and len(shape["shape"]) > 2:
        sides = [-(-side // STEP) * STEP for side in shape["shape"][1:]]
        yield {**shape, "shape": [shape["shape"][0], *sides]}


def _taken_as(shape: Shape, sizes: list[int], size: int) -> Iterator[Shape]:
    """Samples that have as many numbers as a `view` of them wants."""
    inner = [one for one in sizes[1:] if one > 0]
    wanted = math.prod(inner)
    if not inner or wanted * rows_of(shape) == size:
        return
    if len(shape["shape"]) > 2:
        yield from _flattened(shape, wanted, size)
    elif shape["shape"] and -1 not in sizes[1:] and shape["kind"] == "float":
        numbers = math.prod(shape["shape"]) * wanted * rows_of(shape)
        if numbers % (size * math.prod(shape["shape"][1:])) == 0:
            yield {**shape, "shape": [numbers // size // math.prod(shape["shape"][1:]), *shape["shape"][1:]]}


def _flattened(shape: Shape, wanted: int, size: int) -> Iterator[Shape]:
    """An image, or a cube as small as its network takes it, whose features flatten to as many as are wanted."""
    factor = wanted * rows_of(shape) / size
    if len(shape["shape"]) == 3:
        yield from _scaled_image(shape, factor)
    elif len(shape["shape"]) == 4 and factor > 1 and factor == int(factor):
        yield {**shape, "shape": [*shape["shape"][:3], shape["shape"][3] + int(factor) - 1]}


def _scaled_image(shape: Shape, area: float) -> Iterator[Shape]:
    """An image whose sides grow so that its flattened features grow by `area`."""
    channels, side = shape["shape"][0], shape["shape"][1]
    guess = round(side * math.sqrt(area))
    for near in (guess, guess + 1, guess - 1, guess + 2, guess - 2):
        if 0 < near <= LARGEST_SIDE:
            yield {**shape, "shape": [channels, near, near]}
