"""What third packages add, found through `twisted.plugin`: kinds of schedulers and of sources.

A package has a module in its folder `twisted/plugins/` with objects that provide `IPlugin` and
`ISchedulerMaker` or `IServerSourceMaker`. One that is broken is told in the log and left out; so is
one whose name is taken, since nobody else's package may change what a configuration means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Protocol, TypeVar

from twisted.logger import Logger
from twisted.plugin import getPlugins
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IIncremental, IScheduler, ISchedulerMaker, IServerSourceMaker
from lbtwist.model.reference import NAME
from lbtwist.model.schedule import BUILT_IN
from lbtwist.model.shown import shown

log = Logger()


class INamed(Protocol):
    """What has the name that a configuration calls it by."""

    @property
    def name(self) -> str: ...


M = TypeVar("M", bound=INamed)


def scheduler_makers(package: ModuleType | None = None) -> Mapping[str, ISchedulerMaker]:
    """The kinds of schedulers by name, built-in ones and those of plugins.

    Plugins are looked for in `package`, in `twisted.plugins` when None. Reads files: not for every
    connection.
    """
    found: Iterable[ISchedulerMaker] = getPlugins(ISchedulerMaker, package)
    return _joined(BUILT_IN, found, _check_scheduler_maker)


def source_makers(
    built_in: Mapping[str, IServerSourceMaker], package: ModuleType | None = None
) -> Mapping[str, IServerSourceMaker]:
    """The kinds of sources of servers by name, `built_in` and those of plugins, as `scheduler_makers`."""
    found: Iterable[IServerSourceMaker] = getPlugins(IServerSourceMaker, package)
    return _joined(built_in, found, _check_source_maker)


def _joined(built_in: Mapping[str, M], found: Iterable[M], check: Callable[[M], None]) -> dict[str, M]:
    """All by name; of the plugins those that pass `check`, which raises what is wrong with one."""
    makers = dict(built_in)
    for maker in found:
        try:
            check(maker)
            _check_name(maker.name, makers)
        except Exception as error:  # it is somebody else's code: anything may go wrong
            log.error(
                "plugin {plugin} is left out: {problem}",
                plugin=shown(maker),
                problem=" ".join(f"{type(error).__name__}: {error}".split()),
            )
        else:
            makers[maker.name] = maker
    return makers


def _check_scheduler_maker(maker: ISchedulerMaker) -> None:
    """Make one, so that a group is not given what cannot choose."""
    verifyObject(ISchedulerMaker, maker)
    scheduler = maker.make(lambda: 0.5)
    verifyObject(IScheduler, scheduler)
    if IIncremental.providedBy(scheduler):
        verifyObject(IIncremental, scheduler)


def _check_source_maker(maker: IServerSourceMaker) -> None:
    verifyObject(IServerSourceMaker, maker)


def _check_name(name: object, taken: Mapping[str, object]) -> None:
    if not (isinstance(name, str) and re.fullmatch(NAME, name)):
        raise ValueError(
            f"its name {shown(name)} is not a letter or digit, then up to 62 of A-Z a-z 0-9 . _ -"
        )
    if name in taken:
        raise ValueError(f"its name {name} is taken")
