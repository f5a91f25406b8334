"""A reload: what the file changed since it was last read, applied to what runs, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from lbtwist.errors import BindError, ConfigurationError, Problem, Refused
from lbtwist.model.config import Config, GroupSettings, ListenerSettings, Part
from lbtwist.model.config.changes import Changes, KeyPath
from lbtwist.model.config.words import dotted
from lbtwist.model.drain import Because
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin
from lbtwist.service.advice import warnings
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.certificates import read_tls
from lbtwist.service.doings import doings, overruled, with_servers
from lbtwist.service.group import ServerGroup
from lbtwist.service.last_word import EVERYTHING, said_before, spoken_of, take_back
from lbtwist.service.listener import Listener
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

    config: Config
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
        done = await apply(balancer, follow.config, spoken=[EVERYTHING] if wins else [])
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


async def apply(
    balancer: LoadBalancer, new: Config, because: Because = _FILE, spoken: Collection[KeyPath] = ()
) -> list[str]:
    """Apply the difference between `new` and the settings in force.

    Servers that verbs added, removed or weighed stay as they are, where nothing else is said of them
    than before, but for the keys that are `spoken` of. Returns what was changed, a line each.
    Raises ConfigurationError, with nothing changed, when an endpoint can't be opened or a key can't be
    changed while running.
    """
    old = balancer.config
    changed, tls = check_applicable(balancer, new)
    opened = await _open_listeners(balancer, new, tls)
    balancer.name = new.load_balancer.name
    balancer.follow_limits(new)
    done = list(_apply_groups(balancer, new, changed, because, spoken))
    done += await _apply_listeners(balancer, new, opened, tls, because)
    done += _retire_groups(balancer, old, new, because)
    if new.load_balancer != old.load_balancer:
        done.append("load_balancer changed")
    balancer.config = new
    return done


def _some(lines: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    return "; ".join(_first(lines, SHOWN_CHANGES)) or "nothing has changed"


def _first(lines: Sequence[str], count: int) -> list[str]:
    more = len(lines) - count
    return [*lines[:count], f"and {more} more"] if more > 0 else [*lines]


def edited(balancer: LoadBalancer, edit: LiveEdit) -> tuple[Changes, Config]:
    """What is changed live, and the settings, once `edit` is made. Raises ConfigurationError, and
    Refused."""
    changes = balancer.live.edited(balancer.parts, edit)
    return changes, balancer.live.with_changes(balancer.filed, balancer.parts, changes)


def followed(balancer: LoadBalancer, loaded: Loaded) -> Followed:
    """What there is to follow of a file that was read again. Raises ConfigurationError, and Refused."""
    live, parts = balancer.live, parts_of(*loaded)
    left = Survivors({}, [*live.changes]) if _wins(loaded) else live.surviving(balancer.parts, parts)
    return Followed(live.with_changes(loaded.config, parts, left.changes), parts, left)


def _wins(loaded: Loaded) -> bool:
    """The file's word holds everywhere."""
    return loaded.config.load_balancer.on_reload == "file"


class Applicable(NamedTuple):
    """What there is to apply."""

    groups: Mapping[str, GroupSettings]
    """Those that are new, or have other settings."""
    tls: Mapping[str, ListenerTLS]
    """What the files of listeners hold now."""


def check_applicable(balancer: LoadBalancer, new: Config) -> Applicable:
    """Raises ConfigurationError where `new` can't be applied, whether or not its endpoints are free."""
    _check_fixed(balancer.config, new)
    changed = _changed(balancer.config, new)
    with_files = {name: settings for name, settings in new.server_groups.items() if settings.tls}
    balancer.makers.check({**with_files, **changed})
    known = {name: listener.tls for name, listener in balancer.listeners.items()}
    return Applicable(changed, read_tls(new.listeners, known))


def _check_fixed(old: Config, new: Config) -> None:
    """The console is what a reload may be watched from: it changes with a restart alone. So do the status
    page, the access log and the place of what is kept over a restart."""
    if old.console != new.console:
        raise ConfigurationError([Problem("console", "can't be changed by a reload: restart")])
    if old.status != new.status:
        raise ConfigurationError([Problem("status", "can't be changed by a reload: restart")])
    if old.access_log != new.access_log:
        raise ConfigurationError([Problem("access_log", "can't be changed by a reload: restart")])
    if old.load_balancer.state_file != new.load_balancer.state_file:
        raise ConfigurationError(
            [Problem("load_balancer.state_file", "can't be changed by a reload: restart")]
        )


def _changed(old: Config, new: Config) -> dict[str, GroupSettings]:
    """The groups that are new, or have other settings."""
    return {
        name: settings
        for name, settings in new.server_groups.items()
        if settings != old.server_groups.get(name)
    }


async def _open_listeners(
    balancer: LoadBalancer, new: Config, tls: Mapping[str, ListenerTLS]
) -> dict[str, Listener]:
    """Bind every endpoint that is new, before anything is changed.

    Where the addresses overlap the old one is closed first, and opened again if a new one fails.
    """
    opened: dict[str, Listener] = {}
    closed: list[Listener] = []
    try:
        for name, settings in new.listeners.items():
            if not _moved(balancer.listeners.get(name), settings):
                continue
            for other in _overlapping(balancer, new, settings):
                closed.append(other)
                await other.stop_accepting()
            opened[name] = balancer.listener(name, settings, tls.get(name))
            opened[name].bind()
    except BindError as error:
        for listener in opened.values():
            await listener.stop_accepting()
        for listener in closed:
            _reopen(listener)
        raise ConfigurationError([Problem(f"listeners.{name}.endpoint", str(error))]) from error
    return opened


def _reopen(listener: Listener) -> None:
    try:
        listener.startService()
    except BindError as error:
        log.error("listener {name} is closed: {error}", name=listener.name, error=error)


def _moved(running: Listener | None, settings: ListenerSettings) -> bool:
    """It has another endpoint, or speaks otherwise there: its clients would not understand. One that is
    disabled needs no endpoint."""
    if running is None or running.disabled:
        return running is None
    before = running.settings
    return (before.endpoint, before.protocol) != (settings.endpoint, settings.protocol)


def _overlapping(balancer: LoadBalancer, new: Config, settings: ListenerSettings) -> list[Listener]:
    """Running listeners that go away and stand in the way of a new endpoint."""
    return [
        listener
        for name, listener in balancer.listeners.items()
        if listener.accepting
        and listener.settings.endpoint.overlaps(settings.endpoint)
        and (name not in new.listeners or _moved(listener, new.listeners[name]))
    ]


def _apply_groups(
    balancer: LoadBalancer,
    new: Config,
    changed: Collection[str],
    because: Because,
    spoken: Collection[KeyPath],
) -> Iterator[str]:
    old = balancer.config.server_groups
    for name, settings in new.server_groups.items():
        group = balancer.groups.get(name)
        if group is None:
            balancer.add_group(name, settings)
            yield f"server group {name} added"
            continue
        of_servers = spoken_of(name, spoken)
        if name in changed:
            yield from _apply_group(group, old.get(name), settings, because, of_servers)
        elif of_servers and settings.discovery is None:
            said = said_before(group, group.said, of_servers)
            yield from _follow_servers(group, said, settings, because, of_servers)
        if name not in changed and group.renew():
            yield f"server group {name} has other certificates"


def _apply_group(
    group: ServerGroup,
    old: GroupSettings | None,
    new: GroupSettings,
    because: Because,
    spoken: Collection[KeyPath],
) -> Iterator[str]:
    said = said_before(group, group.said, spoken) if old else {}
    group.reconfigure(new, publish=False)
    yield f"server group {group.name} changed"
    merged = new.discovery is None and (yield from _follow_servers(group, said, new, because, spoken))
    if not merged:
        group.publish()


def _follow_servers(
    group: ServerGroup, said: Servers, new: GroupSettings, because: Because, spoken: Collection[KeyPath]
) -> Generator[str, None, bool]:
    """Whether that was published."""
    if merged := said != group.said:
        yield from group.merge(said, group.said, because, Origin.FILE)
    if spoken:
        take_back(group, new, spoken)
    return merged


async def _apply_listeners(
    balancer: LoadBalancer,
    new: Config,
    opened: dict[str, Listener],
    tls: Mapping[str, ListenerTLS],
    because: Because,
) -> list[str]:
    done = []
    for name, listener in list(balancer.listeners.items()):
        if name not in new.listeners or name in opened:
            await balancer.retire(listener, because)
            done.append(f"listener {name} at {listener.settings.endpoint} removed")
        elif listener.settings != new.listeners[name] or _renamed(balancer, listener):
            listener.reconfigure(new.listeners[name], tls.get(name))
            done.append(f"listener {name} changed")
        elif listener.tls != tls.get(name):
            listener.reconfigure(listener.settings, tls.get(name))
            done.append(f"listener {name} has other certificates")
    for name, listener in opened.items():
        balancer.adopt(listener)
        done.append(f"listener {name} at {listener.settings.endpoint} added")
    return done


def _renamed(balancer: LoadBalancer, listener: Listener) -> bool:
    """The load balancer has another name, which requests and responses tell (RFC 9110, section 7.6.3)."""
    return listener.settings.speaks_http and balancer.name != balancer.config.load_balancer.name


def _retire_groups(balancer: LoadBalancer, old: Config, new: Config, because: Because) -> list[str]:
    """Groups that the file names no more: their servers leave by the rules."""
    gone = [balancer.groups[name] for name in old.server_groups if name not in new.server_groups]
    for group in gone:
        balancer.retire_group(group, because)
    return [f"server group {group.name} removed" for group in gone]
