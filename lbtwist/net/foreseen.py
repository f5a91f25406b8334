"""Attributes that instances get late, of which their class is to know early."""

from __future__ import annotations

from typing import Any, TypeVar

_Class = TypeVar("_Class", bound=type)
_PLAIN = (type(None), bool, bytes, float, int, str, tuple)
_OTHERS = ("__", "_is_")
"""What the interpreter and `typing` have in classes."""


def foreseen(cls: _Class) -> _Class:
    """Class decorator: instances may set whatever has a plain value in the class, at any time, at no more
    cost than in `__init__`.

    CPython keeps the attributes of an instance in an array, by a table of at most thirty names that belongs
    to the class. It takes no more of them when some thirty instances have been made: one that sets another
    gets a dictionary of its own then, which is dear. With thirty requests at once that were all attributes
    that are set when a response comes.
    """
    first: Any = object.__new__(cls)
    for name in names_of(cls):
        setattr(first, name, None)
    return cls


def names_of(cls: type) -> list[str]:
    """Those that have a plain value in the class, or in one that it is derived from."""
    classes = (vars(each).items() for each in cls.__mro__)
    return [name for each in classes for name, value in each if _is_foreseen(name, value)]


def _is_foreseen(name: str, value: object) -> bool:
    return isinstance(value, _PLAIN) and not name.startswith(_OTHERS)
