"""Both programs' numbers as a small drawing (inline SVG), legible without colour and by a screen reader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainlint.records import dataclass
from trainlint.report.characters import in_html

if TYPE_CHECKING:
    from trainlint.diagnostic import Number, Series

WIDTH, HEIGHT = 400, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 40
TICKS = 4
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to places along one side of the drawing."""

    lowest: float
    highest: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.lowest) / (self.highest - self.lowest)
        return round(self.begin + share * (self.end - self.begin), 1)


def draw(series: Series) -> str:
    """The drawing, or nothing where no number is finite."""
    finite = [value for value in (*series.written, *series.control) if value is not None]
    if not finite:
        return ""
    ticks = ticks_of(min(finite), max(finite))
    last = max(len(series.written), len(series.control), 2) - 1
    across = Scale(0, last * series.stride, LEFT, WIDTH - RIGHT)
    up = Scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{in_html(describe(series))}">',
        *_axes(series, ticks, across, up),
        *_arm("control", _points(series.control, series.stride, across, up), series.line),
        *_arm("written", _points(series.written, series.stride, across, up), series.line),
        "</svg>",
    )
    return "".join(parts)


def describe(series: Series) -> str:
    """The drawing in words."""
    return f"{series.name}: as written {_course(series.written)}; control {_course(series.control)}"


def said(value: Number) -> str:
    """A number as a person writes it."""
    if value is None:
        return "not finite"
    if value and not 0.001 <= abs(value) < 1e9:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(value: float) -> str:
    """As much of a number as there is room for beside the drawing."""
    return said(value) if abs(value) < 1e5 else re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.3g}")


def ticks_of(lowest: float, highest: float) -> tuple[float, ...]:
    """Round numbers around a range; from 0 where that costs little of the drawing."""
    if 0 < lowest < 0.6 * highest:
        lowest = 0.0
    if highest / 2 - lowest / 2 <= max(
        1e-9 * max(abs(lowest), abs(highest)), 1e-290
    ):  # as good as one number
        room = max(abs(lowest) / 2, 1e-280) if lowest else 1.0
        lowest, highest = lowest - room, highest + room
    rough = highest / TICKS - lowest / TICKS  # the difference itself may be too large for a float
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first = math.floor(lowest / step + 1e-9)
    last = math.ceil(highest / step - 1e-9)
    return tuple(float(f"{number * step:.10g}") for number in range(first, max(last, first + 1) + 1))


def _course(values: tuple[Number, ...]) -> str:
    if not values:
        return "nothing"
    gaps = f", {values.count(None)} of them not finite" if None in values else ""
    return f"from {said(values[0])} to {said(values[-1])} in {len(values)} points{gaps}"


def _points(values: tuple[Number, ...], stride: int, across: Scale, up: Scale) -> list[Point | None]:
    return [
        None if value is None else (across.at(index * stride), up.at(value))
        for index, value in enumerate(values)
    ]


def _axes(series: Series, ticks: tuple[float, ...], across: Scale, up: Scale) -> Iterator[str]:
    for value in ticks:
        place = up.at(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{place + 4}" text-anchor="end">{_short(value)}</text>'
    places = sorted({0, int(across.highest) // 2, int(across.highest)})
    for value in places:
        anchor = "end" if value == places[-1] else "middle"
        yield f'<text class="tick" x="{across.at(value)}" y="{HEIGHT - BOTTOM + 15}" text-anchor="{anchor}">{value}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text class="tick" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{in_html(series.along)}</text>'


def _arm(name: str, points: list[Point | None], line: bool) -> Iterator[str]:
    """A course broken where numbers are not finite, and a mark at each: dots as written, squares of the control."""
    yield f'<g class="{name}">'
    for stretch in _stretches(points) if line else ():
        yield f'<polyline points="{" ".join(f"{x},{y}" for x, y in stretch)}"/>'
    for point in points:
        if point is not None:
            yield _mark(name, *point)
    yield "</g>"


def _mark(name: str, x: float, y: float) -> str:
    if name == "written":
        return f'<circle cx="{x}" cy="{y}" r="2.4"/>'
    return f'<rect x="{round(x - 2.4, 1)}" y="{round(y - 2.4, 1)}" width="4.8" height="4.8"/>'


def _stretches(points: list[Point | None]) -> Iterator[list[Point]]:
    stretch: list[Point] = []
    for point in (*points, None):
        if point is not None:
            stretch.append(point)
        elif stretch:
            yield stretch
            stretch = []
