"""What an availability group makes of an answer of its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.source import SourceAnswer

NAMED = 5
"""Addresses that are told by name; of more, how many."""


class Verdict(Enum):
    """What is to be done about an answer."""

    APPLY = "apply"
    UNCHANGED = "unchanged"
    HELD = "held back"
    FAILED = "failed"
    """The source did not answer: the members stay as they are."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about one answer, and what it would change."""

    verdict: Verdict
    words: str = ""
    """For people: why it is held back, or what went wrong; else what changes."""
    servers: Mapping[Address, int] = field(default_factory=dict)
    """Weight by address, as answered; empty when the source failed."""
    added: tuple[Address, ...] = ()
    removed: tuple[Address, ...] = ()
    weighed: tuple[Address, ...] = ()
    """Members that stay and get another weight."""


class Availability:
    """Judges the answers of one source; remembers the one that it holds back."""

    def __init__(self, empty_ok: bool = False, max_removal: Quorum | None = None) -> None:
        """`max_removal` is how many members one answer may remove; half of them when None."""
        self.empty_ok = empty_ok
        self.max_removal = Quorum(50, percentage=True) if max_removal is None else max_removal
        self.held: Decision | None = None
        """The answer that waits for `release`; the source's failures do not change it."""

    def hear(self, members: Mapping[Address, int], answer: SourceAnswer) -> Decision:
        """What to do about `answer`, where `members` are those at present, with their weights.

        An answer that is held back is judged anew each time it is repeated, and so stays held back.
        """
        if answer.servers is None:
            return Decision(Verdict.FAILED, answer.problem or "the source failed")
        decision = self._judge(members, answer.servers)
        self.held = decision if decision.verdict is Verdict.HELD else None
        return decision

    def release(self, members: Mapping[Address, int]) -> Decision:
        """The answer that is held back, to be applied to `members`. Raises Refused where there is none."""
        if self.held is None:
            raise Refused("no answer of the source is held back")
        servers, self.held = self.held.servers, None
        return _compare(members, servers)

    def _judge(self, members: Mapping[Address, int], servers: Mapping[Address, int]) -> Decision:
        decision = _compare(members, servers)
        objection = self._objection(len(members), len(decision.removed), len(servers))
        if not objection:
            return decision
        return Decision(Verdict.HELD, objection, servers, decision.added, decision.removed, decision.weighed)

    def _objection(self, members: int, removed: int, servers: int) -> str:
        if removed and not servers and not self.empty_ok:
            return f"the source has no servers any more: it would remove all {members} (empty_ok is false)"
        if removed > _allowed(self.max_removal, members):
            return f"it would remove {removed} of {members} servers (max_removal is {self.max_removal})"
        return ""


def _allowed(most: Quorum, members: int) -> int:
    """How many of `members` may go; a percentage rounds down, for more than it is too much."""
    return members * most.amount // 100 if most.percentage else most.amount


def _compare(members: Mapping[Address, int], servers: Mapping[Address, int]) -> Decision:
    added = tuple(address for address in servers if address not in members)
    removed = tuple(address for address in members if address not in servers)
    weighed = tuple(a for a in servers if a in members and servers[a] != members[a])
    if not (added or removed or weighed):
        return Decision(Verdict.UNCHANGED, servers=servers)
    words = ", ".join(
        filter(None, [_told("adds", added), _told("removes", removed), _told("weighs", weighed)])
    )
    return Decision(Verdict.APPLY, words, servers, added, removed, weighed)


def _told(verb: str, addresses: tuple[Address, ...]) -> str:
    if not addresses:
        return ""
    named = [str(address) for address in addresses[:NAMED]]
    more = len(addresses) - len(named)
    return f"{verb} {' '.join(named)}{f' and {more} more' if more else ''}"
