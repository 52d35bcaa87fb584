"""What readers said about findings in real repositories, as the tables of docs/precision.md.

    python bench/precision.py [FILE] [--together ROUND...]

Prints, for each round of judgements in FILE (default bench/judged.jsonl), how many findings both readers call true,
how many false, and where they differ or call it debatable; by level with the lower end of Wilson's 95 % interval,
by rule, and by repository. A disputed finding counts as not true. Rounds are told apart by their readers' names.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from judgements import LEAST, Key, Verdict, agreed, key_of, lower

ROUNDS = {"t1": "first", "t2": "first", "t31": "second", "t32": "second", "t33": "third", "t34": "third"}
ROUNDS |= {"t35": "fourth", "t36": "fourth", "t37": "fifth", "t38": "fifth"}
ROUNDS |= {
    "t39": "sixth",
    "t40": "sixth",
    "t41": "seventh",
    "t42": "seventh",
    "t43": "eighth",
    "t44": "eighth",
    "t45": "ninth",
    "t46": "ninth",
    **dict.fromkeys(("t47", "t48", "t49", "t50"), "tenth"),
    **dict.fromkeys(("t51", "t52", "t53", "t54"), "eleventh"),
    **dict.fromkeys(("t55", "t56", "t57", "t58"), "twelfth"),
    **dict.fromkeys(("t59", "t60", "t61", "t62"), "thirteenth"),
    **dict.fromkeys(("t63", "t64"), "fourteenth"),
    **dict.fromkeys(("t65", "t66", "t67", "t68"), "fifteenth"),
    **dict.fromkeys(("t69", "t70", "t71", "t72", "t73", "t74"), "sixteenth"),
    **dict.fromkeys(("t75", "t76", "t77", "t78"), "seventeenth"),
    **dict.fromkeys(("t79", "t80", "t81", "t82"), "eighteenth"),
    **dict.fromkeys(("t83", "t84"), "nineteenth"),
    **dict.fromkeys(("t87", "t88"), "twentieth"),
    **dict.fromkeys(("t89", "t90"), "twenty-first"),
    **dict.fromkeys(("t91", "t92"), "twenty-second"),
    **dict.fromkeys(("t93", "t94", "t95", "t96"), "twenty-third"),
    **dict.fromkeys(("t97", "t98"), "twenty-fourth"),
    **dict.fromkeys(("t99", "t100"), "twenty-fifth"),
    **dict.fromkeys(("t101", "t102"), "twenty-sixth"),
    **dict.fromkeys(("t103", "t104"), "twenty-seventh"),
    **dict.fromkeys(("t105", "t106"), "twenty-eighth"),
    **dict.fromkeys(("t107", "t108"), "twenty-ninth"),
    **dict.fromkeys(("t109", "t110"), "thirtieth"),
    **dict.fromkeys(("t111", "t112"), "thirty-first"),
    **dict.fromkeys(("t113", "t114"), "thirty-second"),
    **dict.fromkeys(
        ("t85", "t86"), "later"
    ),  # the rules that came later, on the repositories of the nineteenth
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What readers said about findings in real repositories.")
    parser.add_argument("file", nargs="?", type=Path, default=Path(__file__).with_name("judged.jsonl"))
    parser.add_argument(
        "--together", nargs="+", metavar="ROUND", help="sums of these rounds, by level and rule"
    )
    parser.add_argument(
        "--by-epochs", metavar="RULE", help="a rule's reports by the length of the run, where it is noted"
    )
    arguments = parser.parse_args()
    lines = [
        json.loads(line) for line in arguments.file.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    rounds: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        rounds.setdefault(ROUNDS.get(line.get("reader", ""), "other"), []).append(line)
    if arguments.by_epochs:
        print("\n".join(lengths_of([line for line in lines if line["rule"] == arguments.by_epochs])))
        return
    if arguments.together:
        asked = [line for name in arguments.together for line in rounds[name]]
        print("\n".join(sums_of(asked)))
        return
    for name, judgements in rounds.items():
        print("\n".join(table_of(name, judgements)))


def sums_of(judgements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Counts by level, and by rule and level."""
    said: dict[Key, set[str]] = {}
    level: dict[Key, str] = {}
    for judged in judgements:
        said.setdefault(key_of(judged), set()).add(str(judged["verdict"]).lower())
        level[key_of(judged)] = judged.get("level", "unknown")
    yield "| findings | true | false | disputed | share true | lower 95 % bound |\n|---|---|---|---|---|---|"
    for word in ("error", "warning", "advice"):
        yield from row_of(word, [agreed(said[key]) for key in said if level[key] == word])
    for rule, word in sorted({(key[3], level[key]) for key in said}):
        verdicts = [agreed(said[key]) for key in said if (key[3], level[key]) == (rule, word)]
        yield from row_of(f"{rule}, {word}", verdicts)


def lengths_of(judgements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Counts by the epochs that a report speaks of; reports without that number are left out."""
    said: dict[Key, set[str]] = {}
    epochs: dict[Key, int] = {}
    for judged in judgements:
        if "epochs" in judged:
            said.setdefault(key_of(judged), set()).add(str(judged["verdict"]).lower())
            epochs[key_of(judged)] = judged["epochs"]
    yield "| epochs | true | false | disputed | share true | lower 95 % bound |\n|---|---|---|---|---|---|"
    for first, last in pairwise(BANDS):
        inside = [key for key in said if first <= epochs[key] < last]
        yield from row_of(f"from {first}", [agreed(said[key]) for key in inside])


BANDS = (1, 10, 16, 21, 31, 100, 10**9)


def table_of(name: str, judgements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    said: dict[Key, set[str]] = {}
    level: dict[Key, str] = {}
    commits: dict[str, str] = {}
    for judged in judgements:
        key = key_of(judged)
        said.setdefault(key, set()).add(str(judged["verdict"]).lower())
        level[key] = judged.get("level", "unknown")
        commits[judged["repository"]] = judged["commit"][:10]
    verdicts = {key: agreed(words) for key, words in said.items()}
    yield f"\n### {name.capitalize()} round\n"
    yield "| level | true | false | disputed | share true | lower 95 % bound |\n|---|---|---|---|---|---|"
    for word in ("error", "warning", "advice"):
        yield from row_of(word, [verdict for key, verdict in verdicts.items() if level[key] == word])
    yield "\n| rule | true | false | disputed | share true | lower 95 % bound |\n|---|---|---|---|---|---|"
    for rule in sorted({key[3] for key in verdicts}):
        yield from row_of(rule, [verdict for key, verdict in verdicts.items() if key[3] == rule], LEAST)
    yield "\n| repository | commit | findings judged |\n|---|---|---|"
    for repository, commit in sorted(commits.items(), key=lambda pair: pair[0].lower()):
        counts = Counter((key[3], verdict) for key, verdict in verdicts.items() if key[0] == repository)
        found = ", ".join(f"{rule} {number} {verdict}" for (rule, verdict), number in sorted(counts.items()))
        yield f"| {repository} | {commit} | {found} |"


def row_of(name: str, verdicts: Sequence[Verdict], least: int = 1) -> Iterator[str]:
    """A row of counts; a share only from so many findings on."""
    if not verdicts:
        return
    true, false, disputed = (verdicts.count(word) for word in ("true", "false", "disputed"))
    total = len(verdicts)
    shares = f"{true / total:.0%} | {lower(true, total):.0%}" if total >= least else "- | -"
    yield f"| {name} | {true} | {false} | {disputed} | {shares} |"


if __name__ == "__main__":
    main()
