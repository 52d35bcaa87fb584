"""The checkpoint goes to the device it was saved from, which may be missing or belong to another process.

`torch.save` notes the device of every tensor and `torch.load` puts it back there. A script that chooses
its own device and loads without `map_location` works only where the two agree. On a machine without a GPU
it raises. With several processes every one of them first loads onto GPU 0, which holds a copy for each
and may run out of memory.

```python bad
import torch
from torch import nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = nn.Linear(20, 2).to(device)
model.load_state_dict(torch.load("model.pt"))  # lint: map_location
model.eval()
```

```python good
import torch
from torch import nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = nn.Linear(20, 2).to(device)
model.load_state_dict(torch.load("model.pt", map_location=device))
model.eval()
```

## When it is fine

When the file was written earlier in the same run, or holds no weights of a network (a data set saved from
the CPU); when the script always needs the one GPU; when a framework's own loader, or
`load_state_dict_from_url`, does the loading. Weights taken with `strict=False` are left alone, unless the network
only answers with them: they are another network's, published to be read anywhere as a rule.

## Fix

Pass `map_location`: the script's device, or `"cpu"` where the values are only copied into a model with
`load_state_dict` (then no second copy takes GPU memory). With several processes: `"cpu"` or
`f"cuda:{local_rank}"`.

## How to see it

"Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False", on somebody
else's machine. With several processes `nvidia-smi` lists all of them on GPU 0.

## What it costs

Checked on the CPU with a file whose storages are tagged `cuda:0`: `torch.load` raises as above, with
`map_location="cpu"` it loads. On GPU 0 it costs one copy of the checkpoint, optimizer state included, per
process.

## Sources

PyTorch documentation of `torch.load`; PyTorch tutorial "Saving and loading models across devices";
pytorch/examples pull request 935; the snapshot of the DDP tutorial series, which every rank loads.
"""

from collections.abc import Iterator

from trainlint import Effect, Finding, Needs, Options, Program, Rule, Runs, set_argument, text_of


def check(program: Program, options: Options) -> Iterator[Finding]:
    for load in program.loads:
        if (
            load.is_told_where
            or not load.picks_device
            or not load.is_checkpoint
            or load.is_own
            or load.is_shipped
            or load.is_partial
            or load.needs_the_gpu
        ):
            continue
        yield Finding(
            load.node,
            f"`{text_of(load.node)}` has no map_location: every tensor goes back to the device it was saved from",
            fix=[set_argument(load.node, "map_location", '"cpu"')],
            plant=[set_argument(load.node, "map_location", "None")],
            title='Load to the CPU, then move: map_location="cpu"',
        )


def symptom(written: Runs, control: Runs) -> Effect | None:
    loads = [load for run in written for load in run.near("load") if not load.flag("beside")]
    refused = [load for load in loads if "CUDA device" in load.word("raised")]
    landed = [load for load in loads if load.word("device").startswith("cuda")]
    if refused:
        said = f"{len(refused)} of {len(loads)} loads of a checkpoint saved from a GPU are refused here: "
        return Effect(said + refused[0].word("raised")[:120], {"loads": len(loads), "refused": len(refused)})
    if landed:
        where = landed[0].word("device")
        said = f"a checkpoint saved from a GPU lands on {where}, whatever device the script uses"
        return Effect(said, {"loads": len(loads), "landed": len(landed)})
    return None


rule = Rule(
    check,
    symptom,
    level="warning",
    fix="unsafe",
    since="0.1",
    needs=Needs(steps=1, checkpoints="cuda", alone=True),
    words=("load", "is_available", "no_cuda", "local_rank", "LOCAL_RANK"),
)
