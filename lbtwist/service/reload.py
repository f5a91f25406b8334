"""A reload: what the file changed since it was last read, applied to what runs, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.config import Config, Part
from lbtwist.model.config.changes import Changes
from lbtwist.model.config.words import dotted
from lbtwist.model.difference import Difference, difference
from lbtwist.model.drain import Because
from lbtwist.service.advice import warnings
from lbtwist.service.applying import apply
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import doings, overruled, with_servers
from lbtwist.service.last_word import EVERYTHING
from lbtwist.service.live import LiveEdit, Survivors, parts_of
from lbtwist.service.loading import Loaded

_FILE = Because("file")
_WHY = {False: "has changed it since", True: "is read anew (load_balancer.on_reload)"}
SHOWN_CHANGES = 5
"""Changes of one reload that its event names."""
LOGGED_CHANGES = 100
"""And its log: thousands of lines would hold up traffic."""

log = Logger()


class Followed(NamedTuple):
    """A file that was read again, with what is left of the live changes."""

    difference: Difference
    parts: Sequence[Part]
    live: Survivors


class Reloader:
    """Changes the settings of a running balancer, one change after the other: by its file, read again,
    or live."""

    def __init__(
        self,
        balancer: LoadBalancer,
        read: Callable[[], Deferred[Loaded]] | None,
        in_thread: Callable[..., Deferred[Any]] = maybeDeferred,
    ) -> None:
        """`read` reads the file; None where there is none. Settings are judged `in_thread`: that of
        thousands of servers takes longer than traffic should wait."""
        self._balancer = balancer
        self._read = read
        self._in_thread = in_thread
        balancer.reload = self.reload
        balancer.change_live = self.change_live

    def reload(self) -> Deferred[list[str]]:
        """Fires with what was changed. Fails with ConfigurationError, and nothing is changed."""
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._reload()))

    def change_live(self, edit: LiveEdit, who: str) -> Deferred[list[str]]:
        """Make these changes live, or take them back. Fires and fails as `reload`."""
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._change_live(edit, who)))

    async def _reload(self) -> list[str]:
        balancer = self._balancer
        if self._read is None:
            raise Refused("it runs without a file: there is nothing to read again")
        try:
            self._check_running()
            loaded = await self._read()
            self._check_running()
            done = await self._follow(loaded)
        except ConfigurationError as error:
            balancer.reloads.refuse()
            balancer.problems = tuple(str(problem) for problem in error.problems)
            for problem in balancer.problems:
                log.error("reload refused, nothing has changed: {problem}", problem=problem)
            balancer.events.add("reload", "", f"refused: {_some(balancer.problems)}", _FILE.who)
            raise
        balancer.problems = ()
        balancer.reloads.apply(balancer.wall())
        for line in _first(done, LOGGED_CHANGES) or ["nothing has changed"]:
            log.info("reload: {line}", line=line)
        for warning in warnings(balancer.config):
            log.warn("reload: {warning}", warning=warning)
        balancer.events.add("reload", "", f"applied: {_some(done)}", _FILE.who)
        return done

    async def _follow(self, loaded: Loaded) -> list[str]:
        """The file wins where both it and an operator changed a key since it was last read; with
        `on_reload = "file"` it wins everywhere."""
        balancer, wins = self._balancer, _wins(loaded)
        follow: Followed = await self._in_thread(followed, balancer, loaded)
        self._check_running()
        before = doings(balancer)
        done = await apply(balancer, follow.difference, _FILE, [EVERYTHING] if wins else [])
        balancer.filed, balancer.parts = loaded.config, follow.parts
        balancer.live.changes = follow.live.changes
        balancer.changed()
        for path in (*follow.live.outdated, *overruled(balancer, before)):
            log.warn("{key} was set live; the file {why}, and wins", key=dotted(path), why=_WHY[wins])
        return done

    async def _change_live(self, edit: LiveEdit, who: str) -> list[str]:
        balancer = self._balancer
        self._check_running()
        judged = None
        while judged != (whole := with_servers(balancer, edit)):  # a verb may come in between
            judged = whole
            changes, new = await self._in_thread(edited, balancer, whole)
            self._check_running()
        done = await apply(balancer, new, Because(who, "set"), edit.keys())
        balancer.live.changes = changes
        balancer.changed()
        balancer.events.add("live", "", _some(done), who)
        return done

    def _check_running(self) -> None:
        if self._balancer.leaving:
            raise Refused("it is shutting down")


def _some(lines: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    return "; ".join(_first(lines, SHOWN_CHANGES)) or "nothing has changed"


def _first(lines: Sequence[str], count: int) -> list[str]:
    more = len(lines) - count
    return [*lines[:count], f"and {more} more"] if more > 0 else [*lines]


def edited(balancer: LoadBalancer, edit: LiveEdit) -> tuple[Changes, Difference]:
    """What is changed live, and what is other in the settings, once `edit` is made. Raises
    ConfigurationError, and Refused. Only who has the turn may ask this."""
    changes = balancer.live.edited(balancer.parts, edit)
    config = balancer.live.with_changes(balancer.filed, balancer.parts, changes)
    return changes, _difference(balancer, config)


def followed(balancer: LoadBalancer, loaded: Loaded) -> Followed:
    """What there is to follow of a file that was read again. Raises ConfigurationError, and Refused. Only
    who has the turn may ask this."""
    live, parts = balancer.live, parts_of(*loaded)
    left = Survivors({}, [*live.changes]) if _wins(loaded) else live.surviving(balancer.parts, parts)
    config = live.with_changes(loaded.config, parts, left.changes)
    return Followed(_difference(balancer, config), parts, left)


def _difference(balancer: LoadBalancer, config: Config) -> Difference:
    """From what is in force."""
    said = {name: group.said for name, group in balancer.groups.items()}
    return difference(balancer.config, config, said)


def _wins(loaded: Loaded) -> bool:
    """The file's word holds everywhere."""
    return loaded.config.load_balancer.on_reload == "file"
