"""What only takes time or asks for a person: sleeping, compiling, plotting, typing."""

from __future__ import annotations

import builtins
import functools
import importlib
import os
import subprocess
import time
from typing import Any

import torch

from ..record import Record
from .checkpoints import State
from .missing import Missing


def install(record: Record, reads_settings: bool) -> None:
    _older_names()
    if reads_settings:
        _older_calls()
    _keep_environment()
    time.sleep = lambda seconds: None
    _no_programs(record)
    builtins.input = lambda prompt="": ""
    debugger: Any = importlib.import_module("pdb")
    builtins.breakpoint = debugger.set_trace = lambda *arguments, **keywords: None
    if hasattr(torch, "compile"):
        torch.compile = _not_compiled(record)
    torch.hub.load = _refused("torch.hub.load")
    torch.hub.load_state_dict_from_url = _random_weights(record)


def _no_programs(record: Record) -> None:
    """Other programs, those that fetch data for one, are said to have run and to have written nothing."""

    def done(command: Any = "", *arguments: Any, **keywords: Any) -> Any:
        record.substitute("other programs: none is run")
        empty = "" if keywords.get("text") or keywords.get("universal_newlines") else b""
        return subprocess.CompletedProcess(command, 0, empty, empty)

    def code(command: Any = "", *arguments: Any, **keywords: Any) -> int:
        return int(done(command).returncode)

    def output(*arguments: Any, **keywords: Any) -> Any:
        return done(*arguments, **keywords).stdout

    os.system = code
    for name, instead in (("call", code), ("check_call", code), ("run", done), ("check_output", output)):
        setattr(subprocess, name, instead)


def _older_names() -> None:
    """Names that NumPy has dropped and older programs use."""
    try:
        import numpy as np
    except ImportError:
        return
    older: dict[str, Any] = {
        "Inf": np.inf,
        "Infinity": np.inf,
        "NaN": np.nan,
        "NAN": np.nan,
        "float_": np.float64,
    }
    older.update(float=float, int=int, bool=bool, object=object, str=str, unicode_=np.str_, product=np.prod)
    for name, value in older.items():
        if name not in vars(np):
            setattr(np, name, value)


def _keep_environment() -> None:
    """What settings that are not here would have put into the environment, `CUDA_VISIBLE_DEVICES` say, stays out."""
    kind: Any = type(os.environ)
    put = kind.__setitem__

    def set(environment: Any, name: Any, value: Any) -> None:
        if not isinstance(value, (Missing, int)):
            put(environment, name, value)

    kind.__setitem__ = set


def _older_calls() -> None:
    """PyYAML once loaded without being told how, and older programs still ask it to."""
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        return
    for name in ("load", "load_all"):
        load = getattr(yaml, name, None)
        if load is not None:
            setattr(yaml, name, functools.partial(_loaded, load, yaml))


def _loaded(load: Any, yaml: Any, stream: Any, Loader: Any = None) -> Any:
    return load(stream, Loader=Loader or yaml.SafeLoader)


def _not_compiled(record: Record) -> Any:
    def compile(model: Any = None, **keywords: Any) -> Any:
        record.substitute("torch.compile: left out")
        return model if model is not None else lambda function: function

    return compile


def _random_weights(record: Record) -> Any:
    def load_state_dict_from_url(*arguments: Any, **keywords: Any) -> Any:
        record.substitute("pretrained weights: random ones")
        return State("pretrained weights")

    return load_state_dict_from_url


def _refused(name: str) -> Any:
    def download(*arguments: Any, **keywords: Any) -> Any:
        raise ConnectionError(f"{name} needs a network, which an experiment has not")

    return download
