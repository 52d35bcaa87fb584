"""What a project's text says about the files that it saves, wherever the runs that save them are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from trainlint.meaning.dataflow import walk
from trainlint.meaning.paths import HOLE, fixed_parts, template
from trainlint.meaning.trace import Event
from trainlint.meaning.values import Constant, Value, options
from trainlint.project import Project
from trainlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Save:
    """One `torch.save` in a text, with the text of the function around it."""

    file: Path
    call: str  # its first line
    around: str
    near: str

    def is_from_the_cpu(self, keys: Collection[str] = ()) -> bool:
        """Whether what is read of the file was moved to the CPU; an optimizer's state rarely is with the weights."""
        if any("optim" in key for key in keys) and _OPTIMIZER.search(self.around) is not None:
            return False
        return _moves_state(self.near) or (len(self.around) < _SHORT and _moves_state(self.around))

    def writes(self, name: str) -> bool:
        """Whether the function computes a file's name from a pattern that this one is an instance of."""
        return any(_is_instance(name, pattern) for pattern in _PATTERN.findall(self.around))

    def says(self, words: Collection[str]) -> bool:
        return all(word in self.around for word in words)


def saves_from_the_cpu(project: Project, load: Event, path: Value | None, keys: Collection[str] = ()) -> bool:
    """Whether what a project saves was moved to the CPU before: the file at hand, if it is seen where it is written.

    It is known by its name, else by the entries that are read of it, else as what the code beside the load saves;
    else all that the project saves counts.
    """
    found = list(_saves(project))
    paths = {template(o) for o in options(path)} if path is not None else set()
    names = {name.rpartition("/")[2] for name in paths}
    parts = fixed_parts(path)
    said = [re.compile(rf"""['"]{re.escape(key)}['"]|\b{re.escape(key)}\s*=""") for key in keys]
    alike = [save for save in found if said and all(key.search(save.around) for key in said)]
    written = (
        [save for save in found if (parts and save.says(parts)) or all(map(save.writes, names))]
        or [save for save in alike if save.file == load.node.unit.file]
        or alike
        or [save for save in found if save.file == load.node.unit.file]
        or found
    )
    if not parts:
        written = _of_the_folder(written, paths) or written
    of_the_folder = _of_a_folder(written, paths)  # `networks/3.pth` and `optimizers/3.pth` have one name
    return any(
        bool(saves) and all(save.is_from_the_cpu(keys) or _knows_no_gpu(project, save) for save in saves)
        for saves in (written, of_the_folder)
    )


def _of_the_folder(saves: list[Save], paths: Collection[str]) -> list[Save]:
    """Those of some saves whose function writes out the same folders, of files that only a folder tells apart."""
    asked = _folders(paths)
    return [save for save in saves if asked and all(folder.search(save.around) for folder in asked)]


def _of_a_folder(saves: list[Save], paths: Collection[str]) -> list[Save]:
    """The same where the function of some save writes out the last folders, and settings hold the ones above."""
    asked = [f for f in _folders(paths) if any(f.search(save.around) for save in saves)]
    return [save for save in saves if asked and all(folder.search(save.around) for folder in asked)]


def _folders(paths: Collection[str]) -> list[re.Pattern[str]]:
    folders = {
        part for path in paths for part in path.split("/")[:-1] if part and "{" not in part and part != "."
    }
    return [re.compile(rf"""['"/]{re.escape(folder)}['"/]""") for folder in folders]


def _saves(project: Project) -> Iterator[Save]:
    """The saves of a project's files, those in comments left out."""
    for file in project.files:
        if "save" not in project.words(file):
            continue
        text = project.text(file) or ""
        pattern = _SAVE if _IMPORTED.search(text) is None else _SAVE_OR_SHORT
        for found in pattern.finditer(text):
            if "#" not in text[text.rfind("\n", 0, found.start()) + 1 : found.start()]:
                near = text[max(0, found.start() - _NEAR) : found.end() + _NEAR]
                call = text[found.start() : found.end() + _NEAR].partition("\n")[0]
                yield Save(file, call, _around(text, found), near)


def _around(text: str, save: re.Match[str]) -> str:
    """The function whose text holds a save, or what is near it."""
    line = text.rfind("\n", 0, save.start()) + 1
    indent = save.start() - line if text[line : save.start()].isspace() else _indent(text[line:])
    start = line
    while indent > 0:
        start = text.rfind("def ", 0, start)
        if start < 0:
            break
        begin = text.rfind("\n", 0, start) + 1
        depth = start - begin
        if text[begin:start].strip() in ("", "async") and depth < indent:
            outside = re.compile(rf"\n[ \t]{{0,{depth}}}[^\s)\]}}#]")
            if outside.search(text, start, line) is not None:
                continue  # the function ends before: a loop of the script itself comes after it
            end = outside.search(text, save.end())
            return text[begin : end.start() if end is not None else len(text)]
    return text[max(0, save.start() - _NEAR) : save.end() + _NEAR]


def _moves_state(text: str) -> bool:
    """Whether weights go to the CPU in a text: not predictions to be compared, nor a number to be printed or kept."""
    return any(
        _GOES_ON_AS_NUMBER.match(text, found.end()) is None
        and _IS_COMPUTED.search(text[text.rfind("\n", 0, found.start()) + 1 : found.start()]) is None
        for found in _TO_CPU.finditer(text)
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _is_instance(name: str, pattern: str) -> bool:
    """Whether a file's name is one that `"%s_net_%s.pth"` stands for. Names with hardly a fixed part are not asked."""
    pieces = HOLE.split(pattern.rpartition("/")[2])
    if len(pieces) < 2 or sum(map(str.isalnum, "".join(pieces).rpartition(".")[0])) < 3:
        return False
    return re.fullmatch(".*".join(map(re.escape, pieces)), name) is not None


def _knows_no_gpu(project: Project, save: Save) -> bool:
    """Whether a script that saves never speaks of a device, or moves nothing to one: all that it makes is on the CPU.

    A piece of a program, without an import, does not show what it moves.
    """
    words = project.words(save.file)
    if "import" not in words:
        return False
    alone = not save.around.lstrip().startswith(("def ", "async def "))
    if (
        not _DEVICES.isdisjoint(map(str.lower, words))
        and _MOVES.search(project.text(save.file) or "") is not None
    ):
        return False
    return alone or ("__name__" in words and not _is_called_elsewhere(project, save))


def _is_called_elsewhere(project: Project, save: Save) -> bool:
    """Whether a file takes the function that saves from the script, or may do so; a class of it has no say."""
    defined = _DEFINED.match(save.around)
    others = project.dependents([save.file]) - {save.file}
    if defined is None:
        return bool(others)
    home = re.escape(save.file.stem)
    taking = re.compile(
        rf"^[ \t]*from[ \t]+[\w.]*\b{home}[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]*)", re.MULTILINE
    )
    whole = re.compile(rf"\bimport[ \t]+[^\n]*\b{home}\b|\bimport_module\b")
    for text in (project.text(file) or "" for file in others):
        taken = [name for found in taking.finditer(text) for name in re.findall(r"[\w*]+", found["names"])]
        if whole.search(text) or defined["name"] in taken or "*" in taken:
            return True
    return False


def is_published(project: Project, load: Event, path: Value) -> bool:
    """Whether the weights are torchvision's by all that the code says, and no file of this name is saved by it."""
    if all(map(_is_of_a_hub, options(path))):
        return True
    written = [v.node for v in walk(path) if isinstance(v, Constant) and v.node is not None]
    if not any(_PUBLISHED in place.unit.source.text for place in (load.node, *written)):
        return False
    parts = fixed_parts(path)
    return bool(parts) and not any(part in save.call for save in _saves(project) for part in parts)


def is_written(project: Project, path: Value) -> bool:
    """Whether a call in the project's text saves a file of this name."""
    parts = fixed_parts(path)
    return bool(parts) and any(
        all(part in said for part in parts) for save in _saves(project) for said in _names(project, save)
    )


def _names(project: Project, save: Save) -> Iterator[str]:
    """The line of a save, and those that give the name of its file a value: `path = f"{folder}/best.pt"`."""
    yield save.call
    given = _GIVEN.search(save.call)
    if given is not None:
        assigned = re.compile(rf"^[ \t]*{given['name']}[ \t]*=[^=\n][^\n]*", re.MULTILINE)
        yield from assigned.findall(project.text(save.file) or "")


def _is_of_a_hub(path: Value) -> bool:
    """Whether the code names a file by its hash, or as the address that it is fetched from."""
    said = [v for v in walk(path) if isinstance(v, Constant)]
    if any(v.under is not None for v in said):
        return False  # only the default of what the user gives
    addressed = any(str(v.value).startswith(("http://", "https://")) for v in said)
    return addressed or any(_HASHED.search(name) for name in (template(path), *(str(v.value) for v in said)))


_NEAR = 200  # characters: a few lines
_SHORT = 3000
_PUBLISHED = "download.pytorch.org/models/"  # stored there from the CPU
_HASHED = re.compile(r"-[0-9a-f]{8}\.(?:pth|pt)$")  # the convention of torch.hub for what it fetches
_OPTIMIZER = re.compile(r"[:=]\s*[\w.]*optim\w*\.state_dict\(\)")
_DEVICES = frozenset("cuda gpu gpus device devices DataParallel".split())
_MOVES = re.compile(  # asking for a device is no move
    r"\.to\(|\.cuda\(|\bdevice=|\bset_default_(?:device|tensor_type)|DataParallel|\bprepare\(|Trainer\(|Accelerator|gpus?\b\s*=|\.type\("
)
_DEFINED = re.compile(r"\s*(?:async\s+)?def\s+(?P<name>\w+)")
_SAVE = re.compile(r"\btorch\.save\(")
_SAVE_OR_SHORT = re.compile(r"\btorch\.save\(|(?<![\w.])save\(")
_GIVEN = re.compile(r",\s*(?:f\s*=\s*)?(?P<name>[A-Za-z_]\w*)\s*\)\s*$")  # the file, by a name alone
_IMPORTED = re.compile(r"^from torch import [^\n]*\bsave\b", re.MULTILINE)
_PATTERN = re.compile(r"""["']([^"'\n]*(?:%|\{)[^"'\n]*\.\w+)["']""")
_TO_CPU = re.compile(
    r"""\.cpu\(\)|[at][so]_cpu\(|\bcpu\s*=\s*True|\.to\(\s*(?:device\s*=\s*)?(?:torch\.device\(\s*)?["']cpu["']\s*\)*"""
)
_GOES_ON_AS_NUMBER = re.compile(
    r"\s*(?:\.(?!state_dict|clone|contiguous|half|data\b(?!\.(?:numpy|item|tolist)\())|[=!<>]=|[<>*/-])"
)
_IS_COMPUTED = re.compile(  # what comes before on the line: a method that only tensors have, a sum, what is gathered
    r"""\.(?:argmax|max|min|sum|mean|sigmoid|softmax|log_softmax|round|topk|squeeze|norm|eq|long|int|bool)\([^()]*\)$"""
    r"""|\b(?:sigmoid|softmax|argmax|round|sum|mean)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?:\[[^\[\]]*\]|\.\w+\(\))*$"""
    r"""|\b(?:cat|stack|\w*(?:score|accuracy|auc|metric|matrix|report|loss)\w*)\((?:[^()]|\([^()]*\))*$"""  # what is measured
    r"""|\w\([^()]*\.(?:to|cuda)\([^()]*\)[^()]*\)$"""  # a forward pass over a batch that is moved first
    r"""|[-+*/]=[^=]*$|\.(?:append|extend|update)\((?:[\w.]+|[\w.]+\([^()]*\))(?:\.detach\(\))?$"""
)
