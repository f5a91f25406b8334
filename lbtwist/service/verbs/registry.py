"""Every verb there is, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lbtwist.service.verbs import (
    editing,
    explaining,
    filing,
    following,
    leaving,
    looking,
    membership,
    routing,
    settings,
    switching,
    taking_out,
    upgrading,
    waiting,
    whole,
)
from lbtwist.service.verbs.unkept import telling
from lbtwist.service.verbs.upgrading import steady
from lbtwist.service.verbs.verb import Verb

_ROOMS = (
    looking,
    following,
    explaining,
    routing,
    membership,
    taking_out,
    waiting,
    settings,
    editing,
    switching,
    filing,
    leaving,
    upgrading,
)
_ALL = tuple(telling(steady(verb)) for room in _ROOMS for verb in room.VERBS)

VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in (*_ALL, whole.help_for(_ALL))})
