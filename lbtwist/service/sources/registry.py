"""The kinds of sources of servers, by name."""

from __future__ import annotations

from twisted.plugin import getPlugins

from lbtwist.interfaces import IServerSourceMaker
from lbtwist.service.sources.dns import DnsMaker
from lbtwist.service.sources.file import FileMaker
from lbtwist.service.sources.http import HttpMaker

BUILT_IN: tuple[IServerSourceMaker, ...] = (FileMaker(), DnsMaker(), HttpMaker())


def makers() -> dict[str, IServerSourceMaker]:
    """Every kind by its name; a plugin does not take the place of a built-in one."""
    installed: list[IServerSourceMaker] = [*getPlugins(IServerSourceMaker), *BUILT_IN]
    return {maker.name: maker for maker in installed}


def maker_of(name: str) -> IServerSourceMaker:
    """The kind that `discovery.type` names. Raises ValueError with those there are."""
    for maker in BUILT_IN:
        if maker.name == name:
            return maker
    known = makers()
    if name not in known:
        raise ValueError(f"{name!r} is not a kind of source: {', '.join(sorted(known))}")
    return known[name]
