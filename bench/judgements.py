"""What readers said about findings, and how today's findings stand to it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

Key = tuple[str, str, str, str]  # repository, commit, place, rule
Verdict = Literal["true", "false", "disputed"]

LEAST = 20  # reports of a rule from which on a share means something


def place_of(place: Mapping[str, Any]) -> str:
    """PATH:LINE, in a notebook PATH:cell N:LINE."""
    cell = f"cell {place['cell']}:" if place["cell"] is not None else ""
    return f"{place['path']}:{cell}{place['line']}"


def read_judged(file: Path) -> Mapping[Key, Verdict]:
    """The verdict on each finding; readers who differ leave it disputed."""
    verdicts: dict[Key, set[str]] = {}
    for line in filter(str.strip, file.read_text(encoding="utf-8").splitlines()):
        judged = json.loads(line)
        said = str(judged["verdict"]).lower()
        verdicts.setdefault(key_of(judged), set()).add(said)
    return {key: agreed(said) for key, said in verdicts.items()}


def key_of(finding: Mapping[str, Any]) -> Key:
    """What tells findings apart; lines of another commit would be other places."""
    return finding["repository"], finding["commit"][:10], finding["place"], finding["rule"]


def agreed(said: set[str]) -> Verdict:
    if said == {"true"}:
        return "true"
    return "false" if said == {"false"} else "disputed"


def difference(
    found: Iterable[Mapping[str, Any]], judged: Mapping[Key, Verdict], visited: Mapping[str, str]
) -> str:
    """What is new, gone and known among today's findings; `visited` names the commit of each repository."""
    today = {key_of(finding): finding for finding in found}
    here = {key: verdict for key, verdict in judged.items() if key[0] in visited}
    known = {key: verdict for key, verdict in here.items() if visited[key[0]][:10] == key[1]}
    other = len(here) - len(known)
    passed = [f"\n{other} judgements are of other commits and do not count"] if other else []
    return "\n".join((*passed, *changes(today, known), *precision(today, known)))


def changes(today: Mapping[Key, Mapping[str, Any]], known: Mapping[Key, Verdict]) -> Iterator[str]:
    gone = [key for key in known if key not in today]
    yield f"\n{sum(key in known for key in today)} findings as judged, {len(gone)} gone"
    for verdict, meaning in (
        ("true", "lost"),
        ("false", "gained: a false one"),
        ("disputed", "a disputed one"),
    ):
        yield from (f"  gone  {in_words(key)}  ({meaning})" for key in gone if known[key] == verdict)
    new = [key for key in today if key not in known]
    yield f"{len(new)} findings that nobody has judged"
    yield from (f"  new   {in_words(key)}: {today[key]['message']}" for key in new)


def precision(today: Mapping[Key, Mapping[str, Any]], known: Mapping[Key, Verdict]) -> Iterator[str]:
    """The share of true ones, by level and by rule; what is disputed counts as false."""
    yield "precision of today's judged findings, and its lower 95 % bound:"
    there = [(finding, known[key]) for key, finding in today.items() if key in known]
    for word in ("level", "rule"):
        names = Counter(finding[word] for finding, _ in there)
        for name, number in sorted(names.items()):
            if word == "level" or number >= LEAST:
                yield f"  {name}: {share([verdict for finding, verdict in there if finding[word] == name])}"


def share(verdicts: Sequence[Verdict]) -> str:
    true, total = verdicts.count("true"), len(verdicts)
    disputed = f", {verdicts.count('disputed')} disputed" if "disputed" in verdicts else ""
    return f"{true} of {total} true ({100 * true / total:.1f} %, at least {100 * lower(true, total):.1f} %){disputed}"


def lower(true: int, total: int, deviations: float = 1.96) -> float:
    """The lower end of Wilson's interval."""
    rate, squared = true / total, deviations**2
    middle = rate + squared / (2 * total)
    spread = deviations * math.sqrt(rate * (1 - rate) / total + squared / (4 * total**2))
    return (middle - spread) / (1 + squared / total)


def in_words(key: Key) -> str:
    repository, _, place, rule = key
    return f"{repository} {place} {rule}"
