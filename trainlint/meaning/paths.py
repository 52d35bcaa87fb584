"""Names of files: whether two are the same, and what the code fixes of one that it computes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trainlint.meaning.dataflow import inputs_of, same, walk
from trainlint.meaning.place import text_of
from trainlint.meaning.syntax import Binary, Call, Format, Literal
from trainlint.meaning.values import (
    MISSING,
    Choice,
    Constant,
    External,
    Instance,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)


def same_file(first: Value, second: Value) -> bool:
    """Whether two values name one file; that one of them can also be None says nothing against it."""
    first, second = _opened(_given(first)), _opened(_given(second))
    a, b = constant(first), constant(second)
    return (
        (a is not MISSING and a == b)
        or same(first, second) is True
        or _spelled(first) == _spelled(second) != ""
        or template(first) == template(second) != ""
    )


def _given(path: Value) -> Value:
    """`path = None`, then a loop in which the best model gives it a value: where it is a path, it is that one."""
    names = [
        option for option in options(path) if not (isinstance(option, Constant) and option.value is None)
    ]
    return names[0] if len(names) == 1 else path


def same_name(first: Value, second: Value) -> bool:
    """Whether two files have one name, which the code writes out, in whichever folders: `f"{self.folder}/best.pt"`."""
    names = {
        template(_opened(option)).rpartition("/")[2] for value in (first, second) for option in options(value)
    }
    return len(names) == 1 and all(name and "{" not in name for name in names)


def is_handed_in(path: Value) -> bool:
    """Whether a file lies where Kaggle lays what a notebook is given: no run can write there."""
    return all(template(option).startswith("/kaggle/input/") for option in options(path))


def names_device(path: Value) -> bool:
    """Whether the device is part of the file's name: `"model-%s.pt" % device`."""
    made = (v for v in walk(path) if isinstance(v, Result) and isinstance(v.callee, External))
    return any(v.callee.name == "torch.device" for v in made)  # type: ignore[union-attr]  # just asked for


def is_of_each_process(path: Value) -> bool:
    """Whether every process has a file of its own: `f"model_rank{rank}.bin"` was saved where it is loaded."""
    name = template(path)
    return "{}" in name and "rank" in name.rsplit("/", 1)[-1].split("{}")[0].lower()


def is_stamped(path: Value, depth: int = 8) -> bool:
    """Whether the time is part of the file's name, whichever way it comes: no earlier run can have written it."""
    if isinstance(path, Choice):
        return all(is_stamped(option, depth - 1) for option in options(path)) if depth else False
    if isinstance(path, Result) and isinstance(path.callee, External) and path.callee.name in _CLOCKS:
        return True
    return depth > 0 and any(is_stamped(given, depth - 1) for given in inputs_of(path))


_CLOCKS = frozenset(
    "time.time time.strftime time.localtime datetime.datetime.now datetime.datetime.today".split()
)


def template(path: Value) -> str:
    """The fixed parts of a computed file name, with {} for the others; "" where hardly anything is fixed."""
    text = "".join(_pieces(path))
    return text if sum(map(str.isalnum, text)) >= 3 else ""


def _pieces(path: Value, depth: int = 0) -> Iterator[str]:
    match one(path):
        case Constant(value=str(text)):
            yield text
        case Result(callee=External(name="operator.+"), arguments=(first, second)) if depth < 8:
            yield from _pieces(first, depth + 1)
            yield from _pieces(second, depth + 1)
        case Result(callee=External(name="os.path.join"), arguments=parts) if depth < 8:
            yield from _joined(parts, depth)
        case Result(callee=External(name="operator./"), arguments=parts) if depth < 8:
            yield from _joined(parts, depth)
        case Instance(cls=External(name="pathlib.Path"), arguments=parts) if parts and depth < 8:
            yield from _joined(parts, depth)
        case Result(callee=External(name="builtins.str"), node=Format(parts=written)):
            yield from (str(p.value) if isinstance(p, Literal) else "{}" for p in written)
        case Result(callee=External(name="operator.%"), arguments=(first, _)):
            yield HOLE.sub("{}", "".join(_pieces(first, depth + 1)))
        case Result(callee=Member(receiver=receiver, name="format")):
            yield HOLE.sub("{}", "".join(_pieces(receiver, depth + 1)))
        case _:
            yield "{}"


def _joined(parts: tuple[Value, ...], depth: int) -> Iterator[str]:
    for number, part in enumerate(parts):
        yield from ("/",) if number else ()
        yield from _pieces(part, depth + 1)


HOLE = re.compile(r"\{[^{}]*\}|%[-+ 0#]*\d*(?:\.\d+)?[diouxXeEfgGs]")


def _opened(value: Value) -> Value:
    """The path behind `open(path, "rb")`."""
    match one(value):
        case Result(callee=External(name="builtins.open"), arguments=[path, *_]):
            return path
    return value


def _spelled(value: Value) -> str:
    """The expression of a computed path (`os.path.join(folder, "best.pt")`), as text."""
    node = getattr(one(value), "node", None)
    return text_of(node) if isinstance(node, (Call, Format, Binary)) else ""


def fixed_parts(path: Value | None) -> tuple[str, ...]:
    """The words of a file's name that the code writes out, without folders and extension."""
    names = {template(option).rpartition("/")[2] for option in options(path)} if path is not None else set()
    parts = [part.rpartition(".")[0] or part for part in names.pop().split("{}")] if len(names) == 1 else []
    return tuple(part for part in parts if len(part) > 3 and not part.startswith("."))
