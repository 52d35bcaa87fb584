"""What was measured, in HTML: the numbers of both programs side by side, plots, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

from trainlint.report.characters import in_html
from trainlint.report.plot import draw, said

if TYPE_CHECKING:
    from trainlint.diagnostic import Series, Verdict

Pair = tuple[str, object, object]
CONTROL = "_control"
MOST_SHOWN = 12
KEYS = (
    '<p class="keys"><svg class="key written" viewBox="0 0 34 12" aria-hidden="true"><polyline points="2,6 32,6"/>'
    '<circle cx="17" cy="6" r="3"/></svg> as written, dots '
    '<svg class="key control" viewBox="0 0 34 12" aria-hidden="true"><polyline points="2,6 32,6"/>'
    '<rect x="14" y="3" width="6" height="6"/></svg> control, squares</p>'
)


def measured(verdict: Verdict) -> Iterator[str]:
    """All that a verdict has in numbers."""
    yield from _table(list(_pairs(verdict.measurements)))
    yield from _plots(verdict.series)
    yield from _stand_ins(verdict.measurements.get("substituted"))


def _table(rows: list[Pair]) -> Iterator[str]:
    if not rows:
        return
    arms = ("as written", "control") if any(control is not None for _, _, control in rows) else ("measured",)
    heads = "".join(f'<th scope="col" class="number">{arm}</th>' for arm in arms)
    yield f'<h4>Measured</h4><div class="scroll"><table><thead><tr><th scope="col">Number</th>{heads}</tr></thead><tbody>'
    for name, *values in rows:
        cells = "".join(f'<td class="number">{in_html(_shown(value))}</td>' for value in values[: len(arms)])
        yield f'<tr><th scope="row">{in_html(name.replace("_", " "))}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _pairs(measurements: Mapping[str, object]) -> Iterator[Pair]:
    """A measurement beside that of the same name in the control, which has its own suffix."""
    for name, value in measurements.items():
        base = name.removesuffix(CONTROL)
        if name == "substituted" or (base != name and base in measurements):
            continue
        written, control = (None, value) if base != name else (value, measurements.get(name + CONTROL))
        yield base, written, control


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool() | str():
            return str(value)
        case int() | float():
            return said(value)
        case list() | tuple():
            few = ", ".join(map(_shown, value[:MOST_SHOWN]))
            return few + (f", ... ({len(value)} in all)" if len(value) > MOST_SHOWN else "")
        case _:
            return str(value)[:200]


def _plots(series: Iterable[Series]) -> Iterator[str]:
    drawn = [(one, drawing) for one in series if (drawing := draw(one))]
    if not drawn:
        return
    yield f'<h4>Step by step</h4>{KEYS}<div class="plots">'
    for one, drawing in drawn:
        yield f"<figure><figcaption>{in_html(one.name)}</figcaption>{drawing}"
        yield from _numbers(one)
        yield "</figure>"
    yield "</div>"


def _numbers(series: Series) -> Iterator[str]:
    yield f'<details><summary>Numbers</summary><table><thead><tr><th scope="col">{in_html(series.along)}</th>'
    yield '<th scope="col" class="number">as written</th><th scope="col" class="number">control</th></tr></thead><tbody>'
    for index, pair in enumerate(
        zip_longest(map(said, series.written), map(said, series.control), fillvalue="")
    ):
        cells = "".join(f'<td class="number">{in_html(value)}</td>' for value in pair)
        yield f'<tr><th scope="row">{index * series.stride}</th>{cells}</tr>'
    yield "</tbody></table></details>"


def _stand_ins(substituted: object) -> Iterator[str]:
    if not isinstance(substituted, (list, tuple)) or not substituted:
        return
    yield '<h4>What stood in for what was not there</h4><ul class="plain">'
    yield from (f"<li>{in_html(what)}</li>" for what in substituted)
    yield "</ul>"
