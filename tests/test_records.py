"""A record behaves as the standard decorator's classes do, whichever of its methods is called first."""

import copy
import dataclasses
import pickle
from dataclasses import field, replace

import pytest

from trainlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A frozen one."""

    x: int
    name: str = ""
    tags: dict = field(default_factory=dict, hash=False)


@dataclass
class Counter:
    """One that changes."""

    count: int = 3


@dataclass(eq=False, slots=True)
class Node:
    """One that is only equal to itself."""

    inside: int = field(default=4, repr=False)

    def __len__(self):
        return self.inside


def test_made_as_by_the_standard_decorator():
    assert Point(1, tags={2: 3}).tags == {2: 3}
    assert Point(1).tags is not Point(1).tags
    assert Counter().count == 3
    assert len(Node()) == 4
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]


def test_compared_as_by_the_standard_decorator():
    assert Point(1) == Point(1) != Point(2)
    assert {Point(1): "here"}[Point(1)] == "here"
    assert Counter() == Counter(3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())
    assert Node() != Node()
    assert len({Node(), Node()}) == 2


def test_shown_as_by_the_standard_decorator():
    assert repr(Point(1)) == "Point(x=1, name='', tags={})"
    assert repr(Node()) == "Node()"


def test_fields_copies_and_patterns():
    assert [one.name for one in dataclasses.fields(Point)] == ["x", "name", "tags"]
    assert replace(Point(1), name="a") == Point(1, "a")
    assert pickle.loads(pickle.dumps(Point(1, "a"))) == copy.copy(Point(1, "a")) == Point(1, "a")
    match Point(1, "a"):
        case Point(1, name):
            assert name == "a"


def test_slots_and_what_is_written_by_hand():
    assert not hasattr(Point(1), "__dict__")

    @dataclass(frozen=True)
    class Named:
        name: str

        def __repr__(self):
            return self.name

    assert repr(Named("own")) == "own"
    assert hash(Named("a")) == hash(Named("a"))
