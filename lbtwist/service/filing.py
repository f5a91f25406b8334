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
from lbtwist.model.config.rewriting import rewritten
from lbtwist.model.config.spelling import Ports
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import doings, with_servers
from lbtwist.service.live import LiveEdit
from lbtwist.service.loading import Loaded, judge
from lbtwist.service.reload import after_reload, check_applicable
from lbtwist.service.saving import BACKUP, check_unchanged, write_all
from lbtwist.service.settling import settle
from lbtwist.service.textdiff import Rewritten, unified

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
        return Deferred.fromCoroutine(self._preview(edit))

    def preview_reload(self) -> Deferred[list[str]]:
        return Deferred.fromCoroutine(self._preview_reload())

    def diff(self) -> Deferred[list[str]]:
        return Deferred.fromCoroutine(self._diff())

    def save(self, who: str) -> Deferred[list[str]]:
        return self._balancer.turn.run(lambda: Deferred.fromCoroutine(self._save(who)))

    def check(self) -> Deferred[Loaded]:
        return Deferred.fromCoroutine(self._check())

    async def _preview(self, edit: LiveEdit) -> list[str]:
        balancer, parts = self._balancer, self._balancer.parts
        changes = balancer.live.edited(parts, with_servers(balancer, edit))
        new = balancer.live.with_changes(balancer.filed, parts, changes)
        check_applicable(balancer, new)
        done = doings(balancer)
        before = changed(changed(parts, balancer.live.changes), done)
        after = changed(changed(parts, changes), _unspoken(done, edit))
        lines: list[str] = await self._in_thread(_compared, parts, before, after)
        return lines

    async def _preview_reload(self) -> list[str]:
        balancer, loaded = self._balancer, await self._check()
        follow = after_reload(balancer, loaded)
        check_applicable(balancer, balancer.live.with_changes(loaded.config, loaded.parts, follow.changes))
        before = {part.source: part for part in balancer.parts}
        after = {part.source: part for part in loaded.parts}
        return unified(
            [_read_anew(before.get(s), after.get(s), loaded.parts[0]) for s in {**before, **after}]
        )

    async def _diff(self) -> list[str]:
        self._check_filed()
        files = await self._in_thread(_as_running, self._balancer.parts, self._wanted())
        return unified(files)

    async def _save(self, who: str) -> list[str]:
        self._check_filed()
        balancer, wanted = self._balancer, self._wanted()
        config = judge(wanted)
        files = await self._in_thread(_to_write, balancer.parts, wanted, config)
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

    def _wanted(self) -> Sequence[Part]:
        """What a file would say that has all that runs."""
        balancer = self._balancer
        return changed(changed(balancer.parts, balancer.live.changes), doings(balancer))

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


def _read_anew(before: Part | None, after: Part | None, main: Part) -> Rewritten:
    there = after or before or main
    return Rewritten(
        there.source, _name(there, main), before.text if before else "", after.text if after else ""
    )


def _compared(parts: Sequence[Part], before: Sequence[Part], after: Sequence[Part]) -> list[str]:
    pairs = zip(_texts(parts, before), _texts(parts, after), strict=True)
    return unified([then._replace(before=now.after) for now, then in pairs])


def _as_running(parts: Sequence[Part], wanted: Sequence[Part]) -> list[Rewritten]:
    """The files that say something else than what runs; they must be as they were read."""
    files = [file for file in _texts(parts, wanted) if file.before != file.after]
    check_unchanged(files)
    return files


def _to_write(parts: Sequence[Part], wanted: Sequence[Part], config: Config) -> list[Rewritten]:
    """The same, once it is sure that they say what runs."""
    files = _as_running(parts, wanted)
    patterns = [os.path.join(parts[0].base, each) for each in parts[0].document.get("include", [])]
    for file in files:
        if pattern := next((each for each in patterns if fnmatchcase(file.source + BACKUP, each)), None):
            raise Refused(f"include: {pattern} takes in backups, as {file.source}{BACKUP}: say conf.d/*.toml")
    if judge(_as_written(parts, files)) != config:
        raise Refused("what would be written does not say what runs: nothing was written")
    return files


def _as_written(parts: Sequence[Part], files: Sequence[Rewritten]) -> tuple[Part, ...]:
    texts = {file.source: file.after for file in files}
    return tuple(
        part._replace(text=texts[part.source], document=tomllib.loads(texts[part.source]))
        if part.source in texts
        else part
        for part in parts
    )
