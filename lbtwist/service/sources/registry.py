"""The kinds of sources of servers that come with lbtwist."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lbtwist.interfaces import IServerSourceMaker
from lbtwist.service.sources.dns import DnsMaker
from lbtwist.service.sources.file import FileMaker
from lbtwist.service.sources.http import HttpMaker

_MAKERS: tuple[IServerSourceMaker, ...] = (FileMaker(), DnsMaker(), HttpMaker())

BUILT_IN: Mapping[str, IServerSourceMaker] = MappingProxyType({maker.name: maker for maker in _MAKERS})
