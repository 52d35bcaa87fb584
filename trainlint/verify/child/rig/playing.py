"""A small double of gym and gymnasium, for where they are not installed: games of a dozen moves, of the size that their names tell.

What is seen is noise, and the best move depends on it, so that there is something to learn.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np  # which the originals need as well

from . import doubles
from .inert import Inert
from .missing import Missing

MOVES = 12  # of a game
SIZES: tuple[tuple[str, tuple[int, ...], int], ...] = (  # what is seen, and moves; below 0: so many numbers
    ("CartPole", (4,), 2), ("MountainCarContinuous", (2,), -1), ("MountainCar", (2,), 3), ("Acrobot", (6,), 3),
    ("LunarLanderContinuous", (8,), -2), ("LunarLander", (8,), 4), ("Pendulum", (3,), -1), ("FrozenLake", (), 4),
    ("Taxi", (), 6), ("CliffWalking", (), 4), ("BipedalWalker", (24,), -4), ("CarRacing", (96, 96, 3), -3),
    ("HalfCheetah", (17,), -6), ("Hopper", (11,), -3), ("Walker2d", (17,), -6), ("Ant", (27,), -8), ("Reacher", (11,), -2),
    ("Humanoid", (376,), -17), (r"NoFrameskip|ALE/|Pong|Breakout|SpaceInvaders|Deterministic", (210, 160, 3), 6),
)  # fmt: skip
LATER = re.compile(r"\bterminated\b|\btruncated\b|(?:\w+ *, *){4}\w+ *= *[\w.\[\]]+\.step\(")
WITH_FACTS = re.compile(r"\w+ *, *\w+ *= *[\w.\[\]]+\.reset\(|\.reset\([^()]*\)\[0\]")


class Space:
    def __init__(self, shape: tuple[int, ...] = (), dtype: Any = None) -> None:
        self.shape, self.dtype, self.drawn = (
            shape,
            np.dtype(dtype or np.float32),
            np.random.RandomState(0),
        )

    def seed(self, seed: Any = None) -> None:
        return None

    def contains(self, value: Any) -> bool:
        return True

    __contains__ = contains


class Box(Space):
    def __init__(self, low: Any, high: Any, shape: Any = None, dtype: Any = None, **keywords: Any) -> None:
        super().__init__(tuple(shape) if shape is not None else np.shape(low), dtype)
        self.low, self.high = (np.broadcast_to(np.asarray(v, self.dtype), self.shape) for v in (low, high))

    def sample(self) -> Any:
        low, high = np.clip(self.low, -1, None), np.clip(self.high, None, 1)
        return (low + (high - low) * self.drawn.rand(*self.shape)).astype(self.dtype)


class Discrete(Space):
    def __init__(self, n: int, *given: Any, **keywords: Any) -> None:
        super().__init__((), np.int64)
        self.n = int(n)

    def sample(self) -> Any:
        return int(self.drawn.randint(self.n))


class Env:
    """What programs build games of their own on."""

    metadata: ClassVar[dict[str, Any]] = {}
    render_mode: Any = None
    reward_range = (-float("inf"), float("inf"))
    spec: Any = Inert("spec")

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return None

    def seed(self, seed: Any = None) -> None:
        return None

    close = render = seed

    @property
    def unwrapped(self) -> Any:
        return self


class Game(Env):
    _max_episode_steps = MOVES
    later = False  # five values of a move, as since version 0.26
    facts = False  # two of a beginning

    def __init__(self, called: str) -> None:
        found = ((seen, moves) for words, seen, moves in SIZES if re.search(words, called))
        seen, moves = next(found, ((4,), 2))
        pictures = len(seen) == 3
        self.observation_space: Any = Box(0, 255, seen, "uint8") if pictures else Box(-4.0, 4.0, seen)
        if not seen:
            self.observation_space = Discrete(500 if called.startswith("Taxi") else 48)
        self.action_space: Any = Discrete(moves) if moves > 0 else Box(-1.0, 1.0, (-moves,))
        self.drawn, self.moves = np.random.RandomState(1), 0

    def _look(self) -> Any:
        space = self.observation_space
        if isinstance(space, Discrete):
            self.seen: Any = int(self.drawn.randint(space.n))
        elif space.dtype == np.uint8:
            self.seen = self.drawn.randint(0, 256, space.shape).astype(np.uint8)
        else:
            self.seen = self.drawn.randn(*space.shape).astype(np.float32)
        return self.seen

    def reset(self, *given: Any, **keywords: Any) -> Any:
        self.moves = 0
        return (self._look(), {}) if self.facts else self._look()

    def step(self, action: Any) -> Any:
        best = float(np.sum(self.seen)) > 0
        reward = 1.0 if bool(np.sum(action) > 0) == best else 0.0
        self.moves += 1
        over = self.moves >= MOVES
        return (self._look(), reward, over, False, {}) if self.later else (self._look(), reward, over, {})


class Wrapper(Env):
    def __init__(self, env: Any, *given: Any, **keywords: Any) -> None:
        self.env = env

    def __getattr__(self, asked: str) -> Any:
        if asked.startswith("_") or asked == "env":
            raise AttributeError(asked)
        return getattr(self.env, asked)

    def reset(self, **keywords: Any) -> Any:
        return self.env.reset(**keywords)

    def step(self, action: Any) -> Any:
        return self.env.step(action)


def module(name: str, texts: Iterable[str]) -> types.ModuleType:
    """The double of `gym`, `gymnasium` or of a module in one; `texts` say in which version's way programs ask."""
    said = list(texts)
    later = any(map(LATER.search, said))
    facts = any(map(WITH_FACTS.search, said)) or (later and name.startswith("gymnasium"))
    game = type("Game", (Game,), {"later": later, "facts": facts})
    known = {
        "Box": Box, "Discrete": Discrete, "Space": Space, "Env": Env, "Wrapper": Wrapper, "register": Inert("register"),
        "make": lambda called="", *given, **keywords: game(str(called)), "logger": Inert("logger"),
    }  # fmt: skip

    def named(asked: str) -> Any:
        if asked in ("spaces", "envs", "core", "registration"):
            return doubles.module(f"{name}.{asked}", named, **known)
        return Missing(f"{name}.{asked}", f"{name.partition('.')[0]} is not installed")

    return doubles.module(name, named, __version__="0.26.2" if later else "0.21.0", **known)
