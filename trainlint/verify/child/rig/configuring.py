"""Small doubles of what settings are kept in, for where it is not installed: dictionaries whose entries are attributes too.

EasyDict, yacs, OmegaConf, ml_collections, addict, munch and box differ in how strict they are; here none is.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import doubles
from .inert import Inert

PACKAGES = {"easydict", "yacs", "omegaconf", "ml_collections", "addict", "munch", "box", "attrdict", "dotmap"}
PLAIN = (bool, int, float)


class Bag(dict):  # type: ignore[type-arg]
    """Entries by name and as attributes; inner dictionaries as well."""

    def __init__(self, *given: Any, **entries: Any) -> None:
        super().__init__()
        for one in (*given[:1], entries):
            self.update(one or {})

    def __setitem__(self, name: Any, value: Any) -> None:
        super().__setitem__(name, bagged(value))

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"the settings have no entry {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)

    def __deepcopy__(self, known: Any) -> Any:
        return type(self)({name: copy.deepcopy(value, known) for name, value in self.items()})

    def update(self, *given: Any, **entries: Any) -> None:
        for one in (*given, entries):
            for name, value in dict(one).items():
                self[name] = value

    def merge(self, other: Any) -> None:
        """Take over entries, those of inner settings one by one."""
        for name, value in dict(other).items():
            mine = self.get(name)
            if isinstance(mine, Bag) and isinstance(value, Mapping):
                mine.merge(value)
            else:
                self[name] = value

    def merge_from_file(self, path: Any) -> None:
        self.merge(_read(path))

    def merge_from_list(self, pairs: Sequence[Any]) -> None:
        for place, value in zip(pairs[::2], pairs[1::2]):
            *way, last = str(place).split(".")
            inner: Any = self
            for name in way:
                inner = inner[name]
            inner[last] = _read_text(value)

    def clone(self) -> Any:
        return copy.deepcopy(self)

    def freeze(self, *given: Any) -> None:
        return None

    def is_frozen(self) -> bool:
        return False

    def dump(self, **how: Any) -> str:
        return str(plain(self))

    def to_dict(self) -> Any:
        return plain(self)

    merge_from_other_cfg = merge
    update_from_flattened_dict = merge_from_list
    defrost = set_new_allowed = lock = unlock = freeze
    toDict = copy_and_resolve_references = to_dict
    copy = clone


def bagged(value: Any) -> Any:
    """A value as settings keep it."""
    if isinstance(value, Bag):
        return value
    if isinstance(value, Mapping):
        return Bag(value)
    return [bagged(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read(path: Any) -> Any:
    import yaml  # type: ignore[import-untyped,unused-ignore]

    if hasattr(path, "read"):
        return yaml.safe_load(path) or {}
    with open(path, encoding="utf-8") as stream:
        return yaml.safe_load(stream) or {}


def _read_text(value: Any) -> Any:
    import yaml

    return yaml.safe_load(value) if isinstance(value, str) else value


class OmegaConf:
    """What programs ask of the class of this name."""

    @staticmethod
    def create(given: Any = None, *arguments: Any, **how: Any) -> Any:
        if isinstance(given, str):
            given = _read_text(given)
        if dataclasses.is_dataclass(given):
            made = given() if isinstance(given, type) else given
            given = dataclasses.asdict(made)
        return bagged(given if given is not None else {})

    structured = create

    @staticmethod
    def load(path: Any) -> Any:
        return bagged(_read(path))

    @staticmethod
    def merge(*parts: Any) -> Any:
        whole = Bag()
        for part in parts:
            whole.merge(OmegaConf.create(part))
        return whole

    @staticmethod
    def from_cli(*given: Any) -> Any:
        return Bag()

    from_dotlist = from_cli

    @staticmethod
    def to_container(settings: Any, *given: Any, **how: Any) -> Any:
        return plain(settings)

    @staticmethod
    def to_yaml(settings: Any, **how: Any) -> str:
        return str(plain(settings))

    @staticmethod
    def select(settings: Any, name: str, default: Any = None, **how: Any) -> Any:
        for part in name.split("."):
            settings = settings.get(part, default) if isinstance(settings, Mapping) else default
        return settings

    @staticmethod
    def is_config(value: Any) -> bool:
        return isinstance(value, Bag)

    @staticmethod
    def save(*given: Any, **how: Any) -> None:
        return None

    set_struct = set_readonly = resolve = register_new_resolver = register_resolver = save


@contextlib.contextmanager
def _opened(settings: Any) -> Iterator[Any]:
    yield settings


def _entry(value: Any = None, *given: Any, **how: Any) -> Any:
    """A declared entry by its default."""
    return value


KNOWN: dict[str, Any] = {
    "OmegaConf": OmegaConf, "ListConfig": list, "open_dict": _opened, "read_write": _opened, "MISSING": "???", "munchify": bagged,
    "unmunchify": plain, "placeholder": _entry, "FieldReference": _entry, "config_dict": None,
}  # fmt: skip
BAGS = {"EasyDict", "CfgNode", "DictConfig", "ConfigDict", "FrozenConfigDict", "Dict", "Munch", "DefaultMunch", "Box", "AttrDict",
        "DotMap", "Container"}  # fmt: skip


def module(name: str) -> types.ModuleType:
    """The double of one of these packages, or of a module in it."""
    return doubles.module(name, lambda asked: _named(name, asked))


def _named(owner: str, name: str) -> Any:
    if name in BAGS:
        return Bag
    if name in ("config", "config_dict") or (owner == "omegaconf" and name.islower() and name not in KNOWN):
        return module(f"{owner}.{name}")
    return KNOWN.get(name, Inert(name))
