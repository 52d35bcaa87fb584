"""The training program: what rules ask their questions of.

One `Program` is what one entry file means, with all that it imports from its project. Everything is
computed when first asked for, once, and shared by all rules.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trainlint.imports import imports_in
from trainlint.meaning.flow import of_kind
from trainlint.meaning.modes import Modes, behind, identity, modes_of, switched_in
from trainlint.meaning.roles import role
from trainlint.meaning.trace import Event, Region
from trainlint.meaning.values import Instance, Value

if TYPE_CHECKING:
    import re
    from collections.abc import Hashable

    from trainlint.meaning.accumulation import Accumulation
    from trainlint.meaning.architectures import Architecture
    from trainlint.meaning.augmented import Augmented
    from trainlint.meaning.batches import Batches
    from trainlint.meaning.budgets import Budget
    from trainlint.meaning.carried import CarriedState
    from trainlint.meaning.checkpoints import Load
    from trainlint.meaning.clips import MisplacedClip
    from trainlint.meaning.constants import WrongConstants
    from trainlint.meaning.consumers import Pass
    from trainlint.meaning.copies import CopiedUnits
    from trainlint.meaning.courses import Course
    from trainlint.meaning.cuts import CutLoss
    from trainlint.meaning.dead_biases import DeadBiases
    from trainlint.meaning.decisions import Decision
    from trainlint.meaning.deep_plain import DeepPlain
    from trainlint.meaning.descents import Descent
    from trainlint.meaning.dropouts import ExtremeDropout
    from trainlint.meaning.dying import LowBias, SteepCourse
    from trainlint.meaning.enlarged import Enlarged
    from trainlint.meaning.epoch_samplers import FixedEpochSampler
    from trainlint.meaning.evaluation import Evaluation
    from trainlint.meaning.fine_tuning import FineTuning
    from trainlint.meaning.fits import Reader
    from trainlint.meaning.gathered import Gathered
    from trainlint.meaning.hidden import HiddenModules
    from trainlint.meaning.idle_passes import IdlePass
    from trainlint.meaning.initialisation import Filling
    from trainlint.meaning.keeps import Keep
    from trainlint.meaning.leaks import Leak
    from trainlint.meaning.loaders import TrainingLoader
    from trainlint.meaning.logarithms import LogOfProbability
    from trainlint.meaning.lone_samples import LoneSamples
    from trainlint.meaning.lost_batches import LostBatches
    from trainlint.meaning.mismatches import Mismatch
    from trainlint.meaning.networks import Made
    from trainlint.meaning.objectives import Objective
    from trainlint.meaning.overlaps import Overlap
    from trainlint.meaning.oversampled import Oversampled
    from trainlint.meaning.plateaus import Plateau
    from trainlint.meaning.predictions import Prediction
    from trainlint.meaning.rates import ConstantRate
    from trainlint.meaning.reading import Reading
    from trainlint.meaning.refits import Refit
    from trainlint.meaning.renormalised import Renormalised
    from trainlint.meaning.saturation import Saturation
    from trainlint.meaning.scales import FlatFilling, Scaling
    from trainlint.meaning.schedule_lengths import Misfit
    from trainlint.meaning.schedules import EarlySchedule
    from trainlint.meaning.selections import Selection
    from trainlint.meaning.sequences import Misplaced
    from trainlint.meaning.shaped import Fit
    from trainlint.meaning.shares import Share
    from trainlint.meaning.skew import Skewed
    from trainlint.meaning.stuck import StuckForward
    from trainlint.meaning.syntax import Attribute
    from trainlint.meaning.training_choices import TrainingChoice
    from trainlint.meaning.unclipped import Unclipped
    from trainlint.meaning.unhandled import Unhandled
    from trainlint.meaning.unit import Unit
    from trainlint.meaning.unscaled import Unscaled
    from trainlint.meaning.unstopped import Unstopped
    from trainlint.meaning.unvalidated import Unvalidated
    from trainlint.meaning.unvaried import Unvaried
    from trainlint.meaning.updates import Update
    from trainlint.meaning.values import Class
    from trainlint.meaning.weights import Fitted
    from trainlint.meaning.whole_batches import WholeBatch
    from trainlint.meaning.widths import Depth, Width
    from trainlint.project import Project


class Program:
    """The objects and events of one entry file's training program."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._modes: dict[int, Modes] = {}
        self._switched: dict[int, frozenset[Hashable]] = {}
        self._made: dict[int, Made] = {}
        self._mentions: dict[tuple[str, ...], bool] = {}
        self._uses: dict[tuple[str, ...], bool] = {}
        self._events: dict[tuple[str, ...], list[Event]] = {}

    @property
    def roots(self) -> list[Region]:
        """The traces: the module's own run, then each function that nobody is seen to call."""
        return self.reading.roots

    @property
    def units(self) -> list[Unit]:
        return self.reading.units

    @property
    def instances(self) -> list[Instance]:
        return self.reading.instances

    @cached_property
    def optimizers(self) -> list[Instance]:
        """The optimizers that the code makes."""
        return [instance for instance in self.instances if role(instance) == "optimizer"]

    def words(self, unit: Unit) -> frozenset[str]:
        """All identifiers of a file's text."""
        assert unit.file is not None
        return self.reading.project.words(unit.file)

    def mentions(self, *words: str) -> bool:
        """Whether any file of the program has one of these identifiers."""
        if words not in self._mentions:
            self._mentions[words] = any(not self.words(unit).isdisjoint(words) for unit in self.units)
        return self._mentions[words]

    def uses(self, *words: str) -> bool:
        """Whether the code of any file uses one of these names or attributes; imports and comments do not count."""
        if words not in self._uses:
            self._uses[words] = any(not unit.code_words.isdisjoint(words) for unit in self.units)
        return self._uses[words]

    def uses_or_imports(self, *words: str) -> bool:
        """Whether the code of any file uses one of these names or imports from a module of that name; no texts, no comments."""
        return self.uses(*words) or (self.mentions(*words) and not self._imported.isdisjoint(words))

    @cached_property
    def _imported(self) -> frozenset[str]:
        """The parts of the dotted names that files import."""
        texts = (self.reading.project.text(unit.file) or "" for unit in self.units if unit.file is not None)
        found = (name for text in texts for each in imports_in(text) for name in each.modules())
        return frozenset(part for name in found for part in name.split("."))

    def modes_of(self, root: Region) -> Modes:
        if id(root) not in self._modes:
            self._modes[id(root)] = modes_of(root)
        return self._modes[id(root)]

    def may_be_switched(self, event: Event) -> bool:
        """Whether some switch of its trace reaches what a forward applies; asked before the modes, which cost more."""
        root = event.region.root
        if id(root) not in self._switched:
            self._switched[id(root)] = switched_in(root)
        switched = self._switched[id(root)]
        return bool(switched) and any(identity(target) in switched for target in behind(event.target))

    def made_of(self, cls: Class) -> Made:
        """The objects of a class, and their parts."""
        if id(cls) not in self._made:
            from trainlint.meaning.networks import made_of

            self._made[id(cls)] = made_of(cls, self.instances)
        return self._made[id(cls)]

    def speaks_of(self, words: re.Pattern[str]) -> bool:
        """Whether the code uses a name or attribute in which a pattern is found."""
        return any(words.search(word) is not None for unit in self.units for word in unit.code_words)

    @cached_property
    def namings(self) -> list[dict[str, Value]]:
        """What the names of each file stand for, then those of each call that was followed."""
        files = [unit.scope.names for unit in self.units if unit.scope is not None]
        calls = (region for root in self.roots for region in root.calls())
        return [*files, *(call.names for call in calls if call.names)]

    def events(self, *kinds: str) -> list[Event]:
        if kinds not in self._events:
            self._events[kinds] = [e for root in self.roots for e in of_kind(root, *kinds)]  # type: ignore[arg-type]
        return self._events[kinds]

    @cached_property
    def backwards(self) -> list[Event]:
        return self.events("backward")

    @cached_property
    def used_by_backwards(self) -> set[int]:
        """The identities of the values that some backward pass goes through."""
        from trainlint.meaning.evaluations import used_by_backwards

        return used_by_backwards(self)

    @cached_property
    def trained_by(self) -> list[Event]:
        """The events that show their targets to be trained."""
        from trainlint.meaning.evaluations import trained_by

        return trained_by(self)

    @cached_property
    def stepped_networks(self) -> set[int]:
        """The identities of the networks whose parameters some optimizer's steps change."""
        from trainlint.meaning.evaluations import stepped_networks

        return stepped_networks(self)

    @cached_property
    def objectives(self) -> list[Objective]:
        """Every criterion applied to a prediction and a target."""
        from trainlint.meaning.objectives import objectives

        return objectives(self, self.roots)

    @cached_property
    def renormalised(self) -> list[Renormalised]:
        """Every log_softmax of what a softmax has normalised, in losses that the project writes out."""
        from trainlint.meaning.renormalised import renormalised

        return renormalised(self)

    @cached_property
    def updates(self) -> list[Update]:
        """Every optimizer step within its loop."""
        from trainlint.meaning.updates import updates

        return updates(self.roots, self.uses("grad", "register_hook", "register_post_accumulate_grad_hook"))

    @cached_property
    def single_updates(self) -> list[Update]:
        """Every optimizer step that no loop is seen around."""
        from trainlint.meaning.updates import single_updates

        return single_updates(
            self.roots, self.uses("grad", "register_hook", "register_post_accumulate_grad_hook")
        )

    @cached_property
    def pasted_updates(self) -> list[Update]:
        """Every optimizer step of a fragment's function whose calls were left out."""
        from trainlint.meaning.updates import pasted_updates

        return pasted_updates(self)

    @cached_property
    def lone_closures(self) -> list[Update]:
        """Every step of LBFGS outside of all loops: it calls its closure several times."""
        from trainlint.meaning.updates import lone_closures

        return lone_closures(self)

    @cached_property
    def logs_of_probabilities(self) -> list[LogOfProbability]:
        """Logarithms of softmax or sigmoid output that a backward pass goes through."""
        from trainlint.meaning.logarithms import logs_of_probabilities

        return logs_of_probabilities(self)

    @cached_property
    def unscaled_accumulations(self) -> list[Accumulation]:
        """Steps on the sum of several batches' mean losses."""
        from trainlint.meaning.accumulation import unscaled_accumulations

        return unscaled_accumulations(self)

    @cached_property
    def lost_batches(self) -> list[LostBatches]:
        """Clears of every batch beside steps of one batch in several."""
        from trainlint.meaning.lost_batches import lost_batches

        return lost_batches(self)

    @cached_property
    def carried_states(self) -> list[CarriedState]:
        """Recurrent state that goes from batch to batch with its graph."""
        from trainlint.meaning.carried import carried_states

        return carried_states(self)

    @cached_property
    def batches(self) -> list[Batches]:
        """The loaders of batches of known size, each with the course that learns from them."""
        from trainlint.meaning.batches import batches

        return list(batches(self))

    @cached_property
    def unclipped(self) -> list[Unclipped]:
        """The recurrent networks and transformers that train on gradients as they come."""
        from trainlint.meaning.unclipped import unclipped

        return list(unclipped(self))

    @cached_property
    def misplaced_clips(self) -> list[MisplacedClip]:
        """Gradient clipping that does not bound the step it was written for."""
        from trainlint.meaning.clips import misplaced_clips

        return misplaced_clips(self)

    @cached_property
    def descents(self) -> list[Descent]:
        """Steps of gradient descent that are written out and never clear the gradient."""
        from trainlint.meaning.descents import descents

        return descents(self)

    @cached_property
    def training_loaders(self) -> list[TrainingLoader]:
        from trainlint.meaning.loaders import training_loaders

        return training_loaders(self, self.roots)

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        from trainlint.meaning.evaluations import evaluations

        return evaluations(self)

    @cached_property
    def uncalled_switches(self) -> list[Attribute]:
        """Where a switch to eval mode is named and not called."""
        from trainlint.meaning.uncalled import uncalled_switches

        return uncalled_switches(self)

    @cached_property
    def left_behind(self) -> list[Evaluation]:
        """Passes of evaluations by networks that stay in train mode, beside one that does not."""
        from trainlint.meaning.left_behind import left_behind

        return left_behind(self)

    @cached_property
    def teachers(self) -> list[Evaluation]:
        """Passes of frozen networks that give a training its targets in train mode."""
        from trainlint.meaning.teachers import teachers

        return teachers(self)

    @cached_property
    def overlaps(self) -> list[Overlap]:
        """Evaluations over samples that the network trains on, where the code says that they are held out."""
        from trainlint.meaning.overlaps import overlaps

        return overlaps(self)

    @cached_property
    def augmented(self) -> list[Augmented]:
        """Evaluations over samples that are changed at random each time."""
        from trainlint.meaning.augmented import augmented

        return augmented(self)

    @cached_property
    def mismatches(self) -> list[Mismatch]:
        """Evaluation data on another scale than the data that trained the network."""
        from trainlint.meaning.mismatches import mismatches

        return mismatches(self)

    @cached_property
    def wrong_constants(self) -> list[WrongConstants]:
        """Normalisations whose numbers do not fit what comes before them."""
        from trainlint.meaning.constants import wrong_constants

        return wrong_constants(self)

    @cached_property
    def misplaced(self) -> list[Misplaced]:
        """Steps of pipelines of transforms in an order that cannot work."""
        from trainlint.meaning.sequences import misplaced

        return misplaced(self)

    @cached_property
    def selections(self) -> list[Selection]:
        """Choices that a run makes by the score of its test data."""
        from trainlint.meaning.selections import selections

        return selections(self)

    @cached_property
    def loader_names(self) -> dict[int, list[str]]:
        """By the identity of a loader, the names that files and functions know it by."""
        from trainlint.meaning.purposes import loader_names

        return loader_names(self)

    @cached_property
    def names_outside(self) -> dict[int, set[str]]:
        """By the identity of a loader, the names of variables that stand for it."""
        from trainlint.meaning.names_outside import names_outside

        return names_outside(self)

    @cached_property
    def loader_keys(self) -> dict[int, str]:
        """By the identity of a loader, its key in a dictionary."""
        from trainlint.meaning.purposes import loader_keys

        return loader_keys(self)

    @cached_property
    def loader_holders(self) -> dict[int, str]:
        """By the identity of a loader, what holds it among others."""
        from trainlint.meaning.purposes import loader_holders

        return loader_holders(self)

    @cached_property
    def bound_names(self) -> dict[int, list[str]]:
        """By the identity of data, the names that the program knows it by."""
        from trainlint.meaning.lineage import bound_names

        return bound_names(self)

    @cached_property
    def trained_data(self) -> set[int]:
        """The identities of all that the data of training comes from."""
        from trainlint.meaning.lineage import trained_data

        return trained_data(self)

    @cached_property
    def gathered(self) -> Gathered:
        """What is put into arrays and meters."""
        from trainlint.meaning.gathered import gathered

        return gathered(self)

    @cached_property
    def decisions(self) -> list[Decision]:
        """What a run does or leaves as its numbers say."""
        from trainlint.meaning.decisions import decisions

        return decisions(self)

    @cached_property
    def unstopped(self) -> list[Unstopped]:
        """Long runs that measure validation data and keep the weights of the last epoch."""
        from trainlint.meaning.unstopped import unstopped

        return unstopped(self)

    @cached_property
    def unvalidated(self) -> list[Unvalidated]:
        """Supervised runs whose network nobody measures on data that it has not seen."""
        from trainlint.meaning.unvalidated import unvalidated

        return unvalidated(self)

    @cached_property
    def training_choices(self) -> list[TrainingChoice]:
        """Choices that go by the training loss although validation data is measured."""
        from trainlint.meaning.training_choices import training_choices

        return training_choices(self)

    @cached_property
    def inferences(self) -> list[Evaluation]:
        """Single predictions by networks with loaded weights."""
        from trainlint.meaning.inferences import inferences

        return inferences(self)

    @cached_property
    def held_out(self) -> list[Evaluation]:
        """Forward passes over held-out data in one piece, beside or behind the loop that trains."""
        from trainlint.meaning.held_out import held_out

        return held_out(self)

    @cached_property
    def predictions(self) -> list[Prediction]:
        """Forward passes from whose output only plain numbers go on, beside the evaluations over batches."""
        from trainlint.meaning.predictions import predictions

        return predictions(self)

    @cached_property
    def idle_passes(self) -> list[IdlePass]:
        """Backward passes of evaluations, which no step belongs to."""
        from trainlint.meaning.idle_passes import idle_passes

        return idle_passes(self)

    @cached_property
    def passes(self) -> list[Pass]:
        """Every backward pass, with all that its loss was computed from."""
        from trainlint.meaning.consumers import passes

        return passes(self)

    @cached_property
    def keeps(self) -> list[Keep]:
        from trainlint.meaning.keeps import keeps

        return keeps(self)

    @cached_property
    def loads(self) -> list[Load]:
        from trainlint.meaning.checkpoints import loads

        return loads(self)

    @cached_property
    def picks_device(self) -> bool:
        from trainlint.meaning.devices import picks_device

        return picks_device(self)

    @cached_property
    def hidden_modules(self) -> list[HiddenModules]:
        from trainlint.meaning.hidden import hidden_modules

        return hidden_modules(self)

    @cached_property
    def early_schedules(self) -> list[EarlySchedule]:
        from trainlint.meaning.schedules import early_schedules

        return early_schedules(self)

    @cached_property
    def fine_tunings(self) -> list[FineTuning]:
        """Runs that go on training weights that were trained before."""
        from trainlint.meaning.fine_tuning import fine_tunings

        return fine_tunings(self)

    @cached_property
    def plateaus(self) -> list[Plateau]:
        """The steps of schedules that wait for a number to get better."""
        from trainlint.meaning.plateaus import plateaus

        return plateaus(self)

    @cached_property
    def budgets(self) -> list[Budget]:
        """The runs from new weights whose number of updates is known."""
        from trainlint.meaning.budgets import budgets

        return budgets(self)

    @cached_property
    def whole_batches(self) -> list[WholeBatch]:
        """What the steps of each course learn from, where its size and the rate are known."""
        from trainlint.meaning.whole_batches import whole_batches

        return list(whole_batches(self))

    @cached_property
    def enlarged_batches(self) -> list[Enlarged]:
        """The runs whose batch grows with the number of devices, and whose rate does not."""
        from trainlint.meaning.enlarged import enlarged

        return enlarged(self)

    @cached_property
    def misfit_schedules(self) -> list[Misfit]:
        """Schedules that are made for another length than the run has."""
        from trainlint.meaning.schedule_lengths import misfits

        return misfits(self)

    @cached_property
    def constant_rates(self) -> list[ConstantRate]:
        from trainlint.meaning.rates import constant_rates

        return constant_rates(self)

    @cached_property
    def courses(self) -> list[Course]:
        """Every optimizer that is seen being made and stepped, over its run."""
        from trainlint.meaning.courses import courses

        return courses(self)

    @cached_property
    def stuck_forwards(self) -> list[StuckForward]:
        from trainlint.meaning.stuck import stuck_forwards

        return stuck_forwards(self)

    @cached_property
    def table_reader(self) -> Reader:
        """What tables hold, and what shaped them."""
        from trainlint.meaning.fits import Reader

        return Reader(self.reading.tables)

    @cached_property
    def trained_fits(self) -> list[Fit]:
        """All that shaped what networks and estimators learn from."""
        from trainlint.meaning.measured_anew import trained_fits

        return list(trained_fits(self))

    @cached_property
    def row_leaks(self) -> list[Leak]:
        """All that was learnt or copied of rows that are held out."""
        from trainlint.meaning.leaks import row_leaks

        return row_leaks(self)

    @cached_property
    def leaks(self) -> list[Leak]:
        """Preprocessing fitted to rows that are held out."""
        from trainlint.meaning.leaks import leaks

        return leaks(self)

    @cached_property
    def oversampled(self) -> list[Oversampled]:
        """Rows that were repeated before they were divided."""
        from trainlint.meaning.oversampled import oversampled

        return oversampled(self)

    @cached_property
    def shares(self) -> list[Share]:
        """How much of the data each split trains on and holds out."""
        from trainlint.meaning.shares import shares

        return shares(self)

    @cached_property
    def unhandled(self) -> list[Unhandled]:
        """Empty cells that reach a model."""
        from trainlint.meaning.unhandled import unhandled

        return unhandled(self)

    @cached_property
    def unscaled(self) -> list[Unscaled]:
        """Networks whose first layer takes numbers as they come."""
        from trainlint.meaning.unscaled import unscaled

        return unscaled(self)

    @cached_property
    def unvaried(self) -> list[Unvaried]:
        """Networks that see the same pictures in every epoch."""
        from trainlint.meaning.unvaried import unvaried

        return unvaried(self)

    @cached_property
    def skewed(self) -> list[Skewed]:
        """Skewed classes that only accuracy judges."""
        from trainlint.meaning.skew import skewed

        return skewed(self)

    @cached_property
    def refits(self) -> list[Refit]:
        """Transformers fitted anew to rows that are held out."""
        from trainlint.meaning.refits import refits

        return refits(self)

    @cached_property
    def fixed_epoch_samplers(self) -> list[FixedEpochSampler]:
        from trainlint.meaning.epoch_samplers import fixed_epoch_samplers

        return fixed_epoch_samplers(self)

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The networks, each with the chain of its layers."""
        from trainlint.meaning.architectures import architectures

        return architectures(self)

    @cached_property
    def fillings(self) -> dict[tuple[int, str], Filling]:
        """For each layer (by identity) and tensor what it is last filled with before training."""
        from trainlint.meaning.initialisation import fillings

        return fillings(self)

    @cached_property
    def copied_units(self) -> list[CopiedUnits]:
        from trainlint.meaning.copies import copied_units

        return copied_units(self)

    @cached_property
    def extreme_dropouts(self) -> list[ExtremeDropout]:
        from trainlint.meaning.dropouts import extreme_dropouts

        return extreme_dropouts(self)

    @cached_property
    def dead_biases(self) -> list[DeadBiases]:
        from trainlint.meaning.dead_biases import dead_biases

        return dead_biases(self)

    @cached_property
    def deep_plains(self) -> list[DeepPlain]:
        from trainlint.meaning.deep_plain import deep_plains

        return deep_plains(self)

    @cached_property
    def scalings(self) -> list[Scaling]:
        from trainlint.meaning.scales import scalings

        return list(scalings(self))

    @cached_property
    def flat_fillings(self) -> list[FlatFilling]:
        from trainlint.meaning.scales import flat_fillings

        return list(flat_fillings(self))

    @cached_property
    def lone_samples(self) -> list[LoneSamples]:
        from trainlint.meaning.lone_samples import lone_samples

        return list(lone_samples(self))

    @cached_property
    def low_biases(self) -> list[LowBias]:
        from trainlint.meaning.dying import low_biases

        return list(low_biases(self))

    @cached_property
    def steep_courses(self) -> list[SteepCourse]:
        from trainlint.meaning.dying import steep_courses

        return list(steep_courses(self))

    @cached_property
    def fitted(self) -> list[Fitted]:
        """The networks of known size that train on a known number of samples."""
        from trainlint.meaning.weights import fitted

        return list(fitted(self))

    @cached_property
    def crowded(self) -> list[Fitted]:
        """Networks whose samples are counted, with the weights that they have at least."""
        from trainlint.meaning.weights import crowded

        return list(crowded(self))

    @cached_property
    def unregularised(self) -> list[Fitted]:
        from trainlint.meaning.weights import unregularised

        return list(unregularised(self))

    @cached_property
    def widths(self) -> list[Width]:
        """The hidden layers of networks on vectors."""
        from trainlint.meaning.widths import widths

        return list(widths(self))

    @cached_property
    def depths(self) -> list[Depth]:
        """The networks of nothing but linear layers, one behind the other."""
        from trainlint.meaning.widths import depths

        return list(depths(self))

    @cached_property
    def saturations(self) -> list[Saturation]:
        from trainlint.meaning.saturation import saturations

        return saturations(self)

    @cached_property
    def cut_losses(self) -> list[CutLoss]:
        from trainlint.meaning.cuts import cut_losses

        return cut_losses(self)


def read(project: Project, entry: Path, unseen: frozenset[str] = frozenset()) -> Program:
    """The program that an entry file is. Raises `SourceError` only if the entry itself cannot be parsed."""
    from trainlint.meaning.reading import read_entry

    return Program(read_entry(project, entry, unseen))
