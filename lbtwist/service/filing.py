"""What runs, and the text of the files that it came from: compared, and written back."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.model.config import Config, Part
from lbtwist.model.config.changes import Changes, KeyPath, changed
from lbtwist.model.config.hiding import hidden
from lbtwist.model.config.rewriting import rewritten
from lbtwist.model.config.spelling import Ports
from lbtwist.service.applicable import check_applicable
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import doings, with_servers
from lbtwist.service.live import LiveEdit
from lbtwist.service.loading import Loaded, judge
from lbtwist.service.reload import edited, followed
from lbtwist.service.saving import BACKUP, check_unchanged, write_all
from lbtwist.service.settling import settle
from lbtwist.service.textdiff import Rewritten, unified

Made = tuple[Changes, Changes]
"""What was changed live, and over that what verbs did to servers."""
InThread = Callable[..., Deferred[Any]]
"""Calls a function in another thread: `tomlkit` takes a second for thousands of servers."""

log = Logger()


class Filing:
    """Provides IFiling."""

    def __init__(
        self, balancer: LoadBalancer, read: Callable[[], Deferred[Loaded]] | None, in_thread: InThread
    ) -> None:
        """`read` reads the file; None where there is none."""
        self._balancer = balancer
        self._read = read
        self._in_thread = in_thread

    def preview(self, edit: LiveEdit) -> Deferred[list[str]]:
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._preview(edit)))

    def preview_reload(self) -> Deferred[list[str]]:
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._preview_reload()))

    def preview_save(self) -> Deferred[list[str]]:
        return self.diff().addCallback(hidden, self._balancer.parts)

    def diff(self) -> Deferred[list[str]]:
        return Deferred.fromCoroutine(self._diff())

    def save(self, who: str) -> Deferred[list[str]]:
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._save(who)))

    def check(self) -> Deferred[Loaded]:
        return Deferred.fromCoroutine(self._check())

    async def _preview(self, edit: LiveEdit) -> list[str]:
        balancer, done = self._balancer, doings(self._balancer)
        changes, new = await self._in_thread(edited, balancer, with_servers(balancer, edit))
        check_applicable(balancer, new)
        before = (balancer.live.changes, done)
        after = (changes, _unspoken(done, edit))
        lines: list[str] = await self._in_thread(_compared, balancer.parts, before, after)
        return lines

    async def _preview_reload(self) -> list[str]:
        balancer, loaded = self._balancer, await self._check()
        follow = await self._in_thread(followed, balancer, loaded)
        check_applicable(balancer, follow.difference)
        lines: list[str] = await self._in_thread(_read_anew, balancer.parts, loaded.parts)
        return lines

    async def _diff(self) -> list[str]:
        self._check_filed()
        lines: list[str] = await self._in_thread(_difference, self._balancer.parts, self._made())
        return lines

    async def _save(self, who: str) -> list[str]:
        self._check_filed()
        balancer = self._balancer
        config, files = await self._in_thread(_to_write, balancer.parts, self._made())
        written: list[str] = []
        if files:
            try:
                written = await self._in_thread(write_all, files)
            except Refused as refused:
                raise Refused(f"{refused}; {self._how_to_go_on()}") from None
        settle(balancer, config)
        balancer.filed, balancer.parts = config, _as_written(balancer.parts, files)
        balancer.live.changes = {}
        balancer.changed()
        for line in written:
            log.info("save: {line}", line=line)
        if written:
            balancer.events.add("live", "", "; ".join(written), who)
        return written

    async def _check(self) -> Loaded:
        if self._read is None:
            raise Refused("it runs without a file: there is nothing to check")
        return await self._read()

    def _made(self) -> Made:
        """What makes of the file one that has all that runs."""
        return self._balancer.live.changes, doings(self._balancer)

    def _check_filed(self) -> None:
        if not all(part.source for part in self._balancer.parts):
            raise Refused("it runs without a file: there is nothing to compare with, nor to write to")

    def _how_to_go_on(self) -> str:
        console = self._balancer.config.console
        port = f"-p {console.endpoint.port} " if console and console.endpoint.port else ""
        return f"ssh {port}HOST diff | sudo patch -p0 -d {self._balancer.parts[0].base}"


def _unspoken(done: Changes, edit: LiveEdit) -> Changes:
    """What verbs did that an edit does not speak of."""
    return {path: change for path, change in done.items() if not any(_touches(path, top) for top in edit)}


def _touches(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _texts(parts: Sequence[Part], wanted: Sequence[Part]) -> list[Rewritten]:
    """Each file as it stands, and as it would say what is wanted."""
    ports = Ports(part.document for part in wanted)
    blank = [part if part.text else part._replace(document={}) for part in parts]
    return [
        Rewritten(part.source, _name(part, parts[0]), part.text, rewritten(part, after.document, ports))
        for part, after in zip(blank, wanted, strict=True)
    ]


def _name(part: Part, main: Part) -> str:
    return os.path.relpath(part.source, main.base) if part.source else "running"


def _read_anew(old: Sequence[Part], new: Sequence[Part]) -> list[str]:
    """The difference of the files as they were read before and now."""
    before, after = ({part.source: part for part in parts} for parts in (old, new))
    files = [
        Rewritten(source, _name(part, new[0]), _text(before.get(source)), _text(after.get(source)))
        for source, part in {**before, **after}.items()
    ]
    return hidden(unified(files), (*old, *new))


def _text(part: Part | None) -> str:
    return part.text if part else ""


def _with(parts: Sequence[Part], made: Made) -> Sequence[Part]:
    live, done = made
    return changed(changed(parts, live), done)


def _compared(parts: Sequence[Part], before: Made, after: Made) -> list[str]:
    """The difference of the files that would say the one and the other."""
    now, then = _with(parts, before), _with(parts, after)
    pairs = zip(_texts(parts, now), _texts(parts, then), strict=True)
    return hidden(unified([new._replace(before=old.after) for old, new in pairs]), (*now, *then))


def _difference(parts: Sequence[Part], made: Made) -> list[str]:
    return unified(_as_running(parts, _with(parts, made)))


def _as_running(parts: Sequence[Part], wanted: Sequence[Part]) -> list[Rewritten]:
    """The files that say something else than what runs; they must be as they were read."""
    files = [file for file in _texts(parts, wanted) if file.before != file.after]
    check_unchanged(files)
    return files


def _to_write(parts: Sequence[Part], made: Made) -> tuple[Config, list[Rewritten]]:
    """What runs, and the files that say something else, once it is sure that they will say that."""
    wanted = _with(parts, made)
    config, files = judge(wanted), _as_running(parts, wanted)
    patterns = [os.path.join(parts[0].base, each) for each in parts[0].document.get("include", [])]
    for file in files:
        if pattern := next((each for each in patterns if fnmatchcase(file.source + BACKUP, each)), None):
            raise Refused(f"include: {pattern} takes in backups, as {file.source}{BACKUP}: say conf.d/*.toml")
    if judge(_as_written(parts, files)) != config:
        raise Refused("what would be written does not say what runs: nothing was written")
    return config, files


def _as_written(parts: Sequence[Part], files: Sequence[Rewritten]) -> tuple[Part, ...]:
    texts = {file.source: file.after for file in files}
    return tuple(
        part._replace(text=texts[part.source], document=tomllib.loads(texts[part.source]))
        if part.source in texts
        else part
        for part in parts
    )
