"""The order in which a training loader serves its samples, epoch after epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainlint.meaning.callers import is_in_unit_test
from trainlint.meaning.claims import name_given, says_held_out
from trainlint.meaning.dataflow import same, walk
from trainlint.meaning.drawn_samples import draws_the_sample
from trainlint.meaning.epoch_samplers import is_ordered_when_shared, is_unsampled_alone
from trainlint.meaning.facts.layers import RECURRENT, layer_name
from trainlint.meaning.flow import enclosing_loops
from trainlint.meaning.lightning import RETURNED
from trainlint.meaning.loaders import Loader, TrainingLoader
from trainlint.meaning.objects import external_bases, find_member
from trainlint.meaning.populations import samples_of
from trainlint.meaning.resampled import is_resampled
from trainlint.meaning.series import is_made_within, may_be_series
from trainlint.meaning.syntax import Define, names_in
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import (
    Argument,
    Choice,
    Class,
    Constant,
    External,
    Free,
    Function,
    Instance,
    Member,
    Result,
    Value,
    constant,
    one,
    options,
)

if TYPE_CHECKING:
    from trainlint.meaning.program import Program

_QUEUES = ("torchio.Queue", "torchio.data.Queue", "torchio.data.queue.Queue")
_HANDFUL = 4  # samples
_DRAWN_INDEX = frozenset(
    "randint randrange integers choice choices randperm permutation shuffle sample default_rng".split()
)
_RANDOM_WORDS = _DRAWN_INDEX | frozenset("random rand randn uniform".split())


def keeps_one_order(program: Program, training: TrainingLoader) -> bool:
    """Whether every epoch gets the same batches in the same order, and nobody evidently wants that."""
    loader = training.loader
    if (
        not (_is_in_order(loader) or is_ordered_when_shared(loader))
        or not (training.steps or training.backward.detail == RETURNED)
        or loader.open
        or (_is_of_test(training.backward) and _is_in_test_file(program, loader))
        or _is_among_tests(loader)
        or _is_held_out_beside(program, loader)
    ):
        return False
    if any(other.shuffles or other.draws_at_random for other in training.alternatives):
        return False  # somebody chose between the two
    if _serves_itself(training) or _is_whole(program, loader) or _stops_at_once(training):
        return False
    if training.backward.kind == "fit" and _may_stream(program, loader):
        return False
    if _is_drawn_once(program, training):
        return False
    if is_resampled(program, training):
        return False
    return not (
        may_be_series(program, training) or _carries_state(training) or _shuffled_by_hand(program, training)
    )


def _is_drawn_once(program: Program, training: TrainingLoader) -> bool:
    """Whether the one epoch that there is goes through rows that a split has drawn at random: they have no other order."""
    dataset = training.loader.dataset
    if dataset is None or not any(map(_is_drawn_split, walk(dataset))):
        return False
    lengths = [course.epochs for course in program.courses]
    if not lengths or None in lengths:
        alone = len(enclosing_loops(training.loop)) == 1 and training.backward.detail != RETURNED
        return alone and training.loop.root is program.roots[0]  # and no function that others may call
    return all(length is not None and length[0] == 1 and length[1] is None for length in lengths)


def _is_drawn_split(value: Value) -> bool:
    if not isinstance(value, Result) or not isinstance(value.callee, External):
        return False
    name = value.callee.name.rpartition(".")[2]
    if name not in ("random_split", "train_test_split"):
        return False
    return constant(value.keywords.get("shuffle", Constant(True))) is not False


def _is_in_order(loader: Loader) -> bool:
    """Whether the loader, or what stands in for a sampler that is not there in every run, goes by the order stored."""
    return loader.shuffles is False and (loader.samples_elsewhere is False or is_unsampled_alone(loader))


def _is_held_out_beside(program: Program, loader: Loader) -> bool:
    """Whether it is called so that its samples are held out, and others train: somebody tried the step on it."""
    if loader.node is None or not says_held_out(name_given(loader.node)):
        return False
    others = (t.loader.node for t in program.training_loaders if t.loader.value is not loader.value)
    return any(node is not None and not says_held_out(name_given(node)) for node in others)


def _may_stream(program: Program, loader: Loader) -> bool:
    """Whether a data set that is not seen being made may be one of the streams that the code speaks of."""
    made = one(loader.dataset) if loader.dataset is not None else None
    return not isinstance(made, Instance) and program.mentions("IterableDataset", "streaming", "webdataset")


def _is_of_test(backward: Event) -> bool:
    return backward.kind == "fit" or is_in_unit_test(backward)


def _is_in_test_file(program: Program, loader: Loader) -> bool:
    file = loader.node.unit.file if loader.node is not None else None
    return file is not None and program.reading.project.is_test(file)


def _is_among_tests(loader: Loader) -> bool:
    """Whether a file is a test by its name and by its folder: nobody trains there for the result."""
    path = loader.node.unit.path if loader.node is not None else ""
    folder, _, file = path.rpartition("/")
    return file.startswith("test_") and not {"test", "tests"}.isdisjoint(folder.split("/"))


def _serves_itself(training: TrainingLoader) -> bool:
    """A data set that decides its order itself, or draws at random whatever the index."""
    dataset = training.loader.dataset
    for option in options(dataset) if dataset is not None else ():
        match option:
            case Instance(cls=Class() as cls):
                if any(name.endswith("IterableDataset") for name in external_bases(cls)):
                    return True
                found = find_member(cls, "__iter__") or find_member(cls, "__getitem__")
                if found is not None and isinstance(found[0], Function) and isinstance(found[0].node, Define):
                    if found[0].name == "__iter__" or _draws_samples(found[0], cls):
                        return True
                if _shuffles_itself(cls, _is_made_before(option, training)):
                    return True
            case Instance(cls=External(name=name)) if name.endswith(("IterableDataset", "WebDataset")):
                return True
            case Instance(cls=External(name=name)) as made if name in _QUEUES:
                return _draws_patches(made)
            case Result(callee=Member(name="shuffle")):
                return True
    return any(
        isinstance(v, Result) and isinstance(v.callee, Member) and v.callee.name == "shuffle"
        for v in (walk(dataset) if dataset is not None else ())
    )


def _draws_patches(queue: Instance) -> bool:
    """Whether a queue of patches mixes volumes or patches, as it does unless it is told to do neither."""
    told = (queue.keywords.get(name) for name in ("shuffle_subjects", "shuffle_patches"))
    return any(given is None or constant(given) is not False for given in told)


def _draws_samples(method: Function, cls: Class) -> bool:
    """Whether `__getitem__` draws which sample it gives; what is drawn beside the index may change that sample only."""
    assert isinstance(method.node, Define)
    if _uses_index(method.node):
        return not _DRAWN_INDEX.isdisjoint(method.node.body.words) and draws_the_sample(method.node)
    return not _RANDOM_WORDS.isdisjoint(_words_of(method, cls))


def _uses_index(method: Define) -> bool:
    index = [parameter.name for parameter in method.parameters[1:2]]
    return any(name.id in index for name in names_in(method.body))


def _words_of(method: Function, cls: Class) -> frozenset[str]:
    """The words of a method that makes no use of its index, and of the methods and functions that it names."""
    assert isinstance(method.node, Define)
    words = method.node.body.words
    scope = method.unit.scope.names if method.unit.scope is not None else {}
    named = [found for word in words for found in (cls.names.get(word), scope.get(word)) if found is not None]
    bodies = [
        f.node.body.words for f in map(one, named) if isinstance(f, Function) and isinstance(f.node, Define)
    ]
    return words.union(*bodies)


def _is_made_before(dataset: Value, training: TrainingLoader) -> bool:
    """Whether all epochs go through one object: what its constructor draws is drawn once."""
    epochs = enclosing_loops(training.loop)[1:]
    if not isinstance(dataset, Instance) or dataset.symbolic:
        return False
    home = dataset.loop
    return bool(epochs) and not any(isinstance(home, Region) and home.inside(loop) for loop in epochs)


def _shuffles_itself(cls: Class, once: bool) -> bool:
    """Whether some method shuffles; of an object that is made `once` its constructor does not count."""
    for name, member in cls.names.items():
        if isinstance(member, Function) and isinstance(member.node, Define):
            if name == "__init__" and once:
                continue
            if name == "__getitem__" and _uses_index(member.node):
                continue  # what it draws is looked at more closely
            if "shuffle" in name or not {"shuffle", "randperm", "permutation"}.isdisjoint(
                member.node.body.words
            ):
                return True
    return False


def _is_whole(program: Program, loader: Loader) -> bool:
    """One batch that holds the whole data set, or a handful of samples: there is hardly another order."""
    size = loader.argument("batch_size")
    found = one(size) if size is not None else None
    count, most = samples_of(program, loader.dataset), constant(found) if found is not None else 1
    if count is not None and count <= max(_HANDFUL, most if type(most) is int else 0):
        return True
    return (
        isinstance(found, Result)
        and isinstance(found.callee, External)
        and found.callee.name == "builtins.len"
    )


def _stops_at_once(training: TrainingLoader) -> bool:
    """Overfitting one batch: an unguarded break at the end of the body."""
    return any(getattr(i, "kind", "") == "break" for i in training.loop.items)


def _carries_state(training: TrainingLoader) -> bool:
    """Whether a module gets the state that it gave for the batch before: then the order is wanted."""
    assert training.backward.value is not None
    return any(
        isinstance(value, Result)
        and any(_is_carried(argument, value.callee, training.loop) for argument in value.arguments[1:])
        for value in walk(training.backward.value)
    )


def _is_carried(state: Value, module: Value, loop: Region) -> bool:
    """Whether a state is passed on from batch to batch, and the module is what changes it."""
    if isinstance(module, Instance) and isinstance(module.cls, External):
        recurrent = layer_name(module.cls.name) in RECURRENT
        return recurrent and isinstance(state, Choice) and not is_made_within(state, loop)
    if not isinstance(module, (Free, Argument, Instance)):
        return False
    return any(
        isinstance(value, Choice) and value.loop and _comes_from(value, module) for value in walk(state)
    ) or any(_is_started_before(value, module, loop) for value in walk(state))


def _comes_from(state: Value, module: Value) -> bool:
    return any(isinstance(v, Result) and same(v.callee, module) for v in walk(state))


def _is_started_before(value: Value, module: Value, loop: Region) -> bool:
    """`hidden = model.init_hidden(n)` before the batches begin."""
    if not isinstance(value, Result) or not isinstance(value.callee, Member) or value.region is None:
        return False
    return bool(same(value.callee.receiver, module)) and not value.region.inside(loop)


def _shuffled_by_hand(program: Program, training: TrainingLoader) -> bool:
    """Whether something shuffles the data set's contents itself, and not once for all epochs."""
    dataset = training.loader.dataset
    for event in program.events("unresolved"):
        if isinstance(event.target, Member) and event.target.name in ("shuffle", "on_epoch_end", "resample"):
            return True
    return dataset is not None and any(
        isinstance(v, Result) and isinstance(v.callee, External) and v.callee.name in SHUFFLING
        for v in walk(dataset)
        if not isinstance(v, Result) or not _is_before_the_epochs(v.region, training)
    )


def _is_before_the_epochs(region: Region | None, training: TrainingLoader) -> bool:
    """Whether something is done once, and not in the loop that goes through the batches again and again."""
    epochs = enclosing_loops(training.loop)[1:]
    return region is not None and bool(epochs) and not any(region.inside(loop) for loop in epochs)


SHUFFLING = frozenset("numpy.random.permutation torch.randperm sklearn.utils.shuffle random.sample".split())
