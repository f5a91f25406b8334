"""What the rest of a program does for a load balancer, each given by what can do it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed

from lbtwist.errors import Refused
from lbtwist.service.live import LiveEdit
from lbtwist.service.unfiled import IFiling, Unfiled

_NO_UPGRADE = "it runs without a file, or as a part of another program: it can't be upgraded"


class Hooks:
    """Without any of it a load balancer runs, as a part of another program."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Hears when what is kept over a restart may have changed (rule 67)."""
        self.unkept: Callable[[], str] = lambda: ""
        """Tells once that what operators want is not kept; empty when there is nothing to tell."""
        self.reload: Callable[[], Deferred[list[str]]] = _no_file
        """Reads the file again, where there is one; fails with what is wrong in it."""
        self.change_live: Callable[[LiveEdit, str], Deferred[list[str]]] = lambda edit, who: _no_file()
        """Changes these live for someone, or takes them back; fails with what is wrong in them."""
        self.filing: IFiling = Unfiled()
        """What runs, beside the text of its file."""
        self.abort_upgrade: Callable[[str], Deferred[None]] = lambda why: succeed(None)
        """Ends a next generation that has not taken over yet, and fires when it is gone; hears why."""
        self.upgrade: Callable[[], Deferred[int]] = lambda: fail(Refused(_NO_UPGRADE))
        """Starts the next generation, and fires with its pid when that has taken over; fails with why it
        has not."""
        self.end_process: Callable[[], None] = _no_process
        """Ends the process this is in, which stops this service first."""
        self.reopen_logs: Callable[[], None] = lambda: None
        """Goes on with the access log in the file that is at its path now."""
        self.dropped_lines: Callable[[], int] = lambda: 0
        """How many lines of the access log were never written."""
        self.log_problem: Callable[[], str] = str
        """Why lines are dropped now, in one line; empty while none are."""
        self.host_key: Callable[[], str] = str
        """The fingerprint of the console's host key; empty where there is no console."""


def _no_file() -> Deferred[list[str]]:
    return fail(Refused("it runs without a file: there is nothing to read again"))


def _no_process() -> None:
    raise Refused("it is part of another program, which ends it")
