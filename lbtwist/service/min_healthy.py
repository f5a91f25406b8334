"""How many servers of a group have to be left that take new connections (rule 66)."""

from __future__ import annotations

from collections.abc import Collection

from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.model.config import Quorum
from lbtwist.model.members import Members
from lbtwist.model.registration import Registration

log = Logger()


def check_min_healthy(members: Members, least: Quorum, leaving: Collection[Registration]) -> None:
    """Raises Refused when `leaving` would leave too few."""
    now, left = members.left_without(()), members.left_without(leaving)
    if left < min(least.needed(members.registered), now):
        raise Refused(
            f"{members.group} would be left with {left} of {members.registered} servers that take new"
            f" connections; min_healthy is {least} (--force overrides)"
        )


def warn_of_too_few(members: Members, least: Quorum, before: int, left: int) -> None:
    """What a file or a source says is obeyed; `left` of those that there were `before` take new
    connections."""
    if left < min(least.needed(members.registered), before):
        log.warn(
            "{group} has {left} of {all} servers left that take new connections; min_healthy is {least}",
            group=members.group,
            left=left,
            all=members.registered,
            least=least,
        )
