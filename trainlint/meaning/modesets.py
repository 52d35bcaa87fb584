"""The modes that a module can be in, each with what set it, and sets of them.

A state maps each module to such a set; the sets are made once, and known by identity.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import field, replace

from trainlint.meaning.trace import Event
from trainlint.records import dataclass

Guards = frozenset[tuple[str, bool]]
MOST_GUARDS = 12  # of one mode; what is known beyond that is forgotten


@dataclass(frozen=True, slots=True)
class Mode:
    """`training` is None where the mode is not known; `event` is None where the object was made so."""

    training: bool | None
    event: Event | None = None
    guards: Guards = frozenset()
    pretrained: bool = False
    untouched: bool = False  # still in the mode it was made in, whichever that is


State = dict[Hashable, frozenset[Mode]]
MISSING = frozenset({Mode(None, untouched=True)})


@dataclass(slots=True, eq=False)
class Sets:
    """Sets of modes made from other ones, each once: a switch gives all parts of a network the same set.

    Everything is known by identity, which is why the sets that an answer was made from are kept with it.
    """

    unions: dict[tuple[int, int], tuple[frozenset[Mode], ...]] = field(default_factory=dict)
    guards: dict[int, tuple[frozenset[Mode], Guards]] = field(default_factory=dict)
    less: dict[tuple[int, tuple[str, bool]], tuple[frozenset[Mode], frozenset[Mode]]] = field(
        default_factory=dict
    )
    freed: dict[tuple[int, Guards], tuple[frozenset[Mode], frozenset[Mode]]] = field(default_factory=dict)
    single: dict[tuple[int, Guards], tuple[Mode, Mode]] = field(default_factory=dict)
    more: dict[tuple[int, Guards], tuple[frozenset[Mode], frozenset[Mode]]] = field(default_factory=dict)

    def union(self, one: frozenset[Mode], other: frozenset[Mode]) -> frozenset[Mode]:
        key = (id(one), id(other))
        known = self.unions.get(key)
        if known is None:
            known = self.unions[key] = one, other, one | other
        return known[2]

    def guards_of(self, modes: frozenset[Mode]) -> Guards:
        """All conditions that some of the modes were set under."""
        known = self.guards.get(id(modes))
        if known is None:
            known = self.guards[id(modes)] = modes, frozenset().union(*(mode.guards for mode in modes))
        return known[1]

    def without(self, modes: frozenset[Mode], guard: tuple[str, bool]) -> frozenset[Mode]:
        """The modes that were not set under a condition, unless all were."""
        if guard not in self.guards_of(modes):
            return modes
        key = (id(modes), guard)
        known = self.less.get(key)
        if known is None:
            known = self.less[key] = modes, frozenset(m for m in modes if guard not in m.guards) or modes
        return known[1]

    def within(self, modes: frozenset[Mode], guards: Guards) -> frozenset[Mode]:
        """The modes, of the conditions that they were set under only those that still hold."""
        if self.guards_of(modes) <= guards:
            return modes
        key = (id(modes), guards)
        known = self.freed.get(key)
        if known is None:
            known = self.freed[key] = modes, frozenset(self._one_within(mode, guards) for mode in modes)
        return known[1]

    def under(self, modes: frozenset[Mode], guards: Guards) -> frozenset[Mode]:
        """The modes, known to be there only where some conditions hold."""
        key = (id(modes), guards)
        known = self.more.get(key)
        if known is None:
            noted = (
                replace(m, guards=m.guards | guards) if len(m.guards) < MOST_GUARDS else m for m in modes
            )
            known = self.more[key] = modes, frozenset(noted)
        return known[1]

    def _one_within(self, mode: Mode, guards: Guards) -> Mode:
        key = (id(mode), guards)
        known = self.single.get(key)
        if known is None:
            held = mode.guards & guards
            freed = Mode(mode.training, mode.event, held, mode.pretrained, mode.untouched)
            known = self.single[key] = mode, freed
        return known[1]

    def join(self, states: list[State]) -> State:
        """What a state can be where paths meet."""
        if len(states) == 1:
            return states[0]
        joined = dict(states[0])
        for state in states[1:]:
            for name in joined.keys() - state.keys():
                joined[name] = self.union(joined[name], MISSING)
            for name, modes in state.items():
                known = joined.get(name, MISSING)
                if known is not modes:
                    joined[name] = self.union(known, modes)
        return joined
