"""Attributes that instances get late, of which their class is to know early."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import FunctionType
from typing import Any, TypeVar

ROOM = 29
"""As many names as the first instance of a class can tell it."""
_Class = TypeVar("_Class", bound=type)
_PLAIN = (type(None), bool, bytes, float, int, str, tuple)
_OTHERS = ("__", "_is_")
"""What the interpreter and `typing` have in classes."""


def foreseen(cls: _Class) -> _Class:
    """Class decorator: instances may set whatever has a plain value in the class, at any time, at no more
    cost than in `__init__`. The two together have to be at most ROOM.

    CPython keeps the attributes of an instance in an array, by a table of names that belongs to the class. It
    has room for thirty, and each new instance takes some of that away: one that sets another name then gets a
    dictionary of its own, which is dear. With thirty requests at once that were all attributes that are set
    when a response comes.
    """
    first: Any = object.__new__(cls)
    for name in names_of(cls):
        setattr(first, name, None)
    return cls


def names_of(cls: type) -> set[str]:
    """Those that have a plain value in the class, or are set in its `__init__`; or in one that it is derived
    from."""
    return {name for each in cls.__mro__ for name in (*_set_at_once(each), *_plain(each))}


def _set_at_once(cls: type) -> Iterator[str]:
    begin = vars(cls).get("__init__")
    if isinstance(begin, FunctionType):
        for instruction in dis.get_instructions(begin):
            if instruction.opname == "STORE_ATTR" and not instruction.argval.startswith(_OTHERS):
                yield instruction.argval


def _plain(cls: type) -> Iterator[str]:
    for name, value in vars(cls).items():
        if isinstance(value, _PLAIN) and not name.startswith(_OTHERS):
            yield name
