"""What every session works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime

from lbtwist.console.completion import INames
from lbtwist.console.history import Histories
from lbtwist.service.events import Events
from lbtwist.service.verbs.verb import Verb


@dataclass(frozen=True, slots=True)
class Desk:
    """The verbs, what they work on, and the names that Python has."""

    verbs: Mapping[str, Verb]
    balancer: object
    names: INames
    reactor: IReactorTime
    namespace: Mapping[str, Any] = field(default_factory=dict)
    """For an admin's Python, beside `lb`."""
    events: Events = field(default_factory=Events)
    """Hears of logins and of what operators change."""
    histories: Histories = field(default_factory=Histories)
    """What was entered at the prompt."""
