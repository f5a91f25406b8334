"""What instances of a class may set late, without a dictionary of their own."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from lbtwist.net.foreseen import ROOM, foreseen, names_of
from lbtwist.net.http.client import ClientConnection
from lbtwist.net.http.exchange import Exchange
from lbtwist.net.http.logged import LoggedExchange

MANY = 100
"""More instances than it takes for the table of a class to take no more names."""

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="other interpreters keep attributes in other ways"
)


class Early:
    late: object = None
    later: object = 0

    def __init__(self) -> None:
        self.own = 1


class Foreseen(Early):
    pass


class Unforeseen(Early):
    pass


def has_dictionary(instance: object) -> bool:
    return any(isinstance(one, dict) for one in gc.get_referents(instance))


@pytest.mark.parametrize(("cls", "dictionaries"), [(Unforeseen, MANY), (foreseen(Foreseen), 0)])
def test_late_attributes_take_no_dictionary_where_they_are_foreseen(
    cls: type[Early], dictionaries: int
) -> None:
    instances = [cls() for _ in range(MANY)]
    for each in instances:
        each.late = each.later = 2
    assert sum(map(has_dictionary, instances)) == dictionaries


def test_what_instances_and_the_class_have_is_as_before() -> None:
    assert vars(foreseen(Foreseen)()) == {"own": 1}
    assert (Foreseen.late, Foreseen.later) == (None, 0)


def test_what_is_set_at_once_has_its_place_too() -> None:
    assert names_of(Early) == {"late", "later", "own"}


@pytest.mark.parametrize("cls", [Exchange, LoggedExchange, ClientConnection])
def test_there_is_room_for_all_names_of_a_class(cls: type) -> None:
    instances: list[Any] = [object.__new__(cls) for _ in range(MANY)]
    for each in instances:
        for name in names_of(cls):
            setattr(each, name, None)
    assert "_sent_at" in names_of(cls) or "written" in names_of(cls)
    assert len(names_of(cls)) <= ROOM
    assert not any(map(has_dictionary, instances))
