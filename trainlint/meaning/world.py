"""The number of devices or processes that take part in a run, as the machine says it."""

from __future__ import annotations

from trainlint.meaning.values import External, Item, Member, Result, Value, constant

_WORLD = frozenset(
    "torch.cuda.device_count torch.distributed.get_world_size horovod.torch.size torch.xpu.device_count".split()
)
_ATTRIBUTES = ("num_processes", "world_size")
_VARIABLE = "WORLD_SIZE"


def is_of_world(value: Value) -> bool:
    """`torch.cuda.device_count()`, `accelerator.num_processes`, `os.environ["WORLD_SIZE"]`."""
    match value:
        case Result(callee=External(name="os.environ.get" | "os.getenv"), arguments=[name, *_]):
            return bool(constant(name) == _VARIABLE)
        case Result(callee=External(name="builtins.int"), arguments=[inner]):
            return is_of_world(inner)
        case Result(callee=External(name=name)):
            return name in _WORLD
        case Member(name=name):
            return name in _ATTRIBUTES
        case Item(source=External(name="os.environ"), key=key) if key is not None:
            return bool(constant(key) == _VARIABLE)
    return False
