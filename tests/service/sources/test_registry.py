from __future__ import annotations

from zope.interface.verify import verifyObject

from lbtwist.interfaces import IServerSourceMaker
from lbtwist.service.sources.registry import BUILT_IN


def test_every_kind_stands_under_its_name() -> None:
    assert list(BUILT_IN) == ["file", "dns", "http"]
    for name, maker in BUILT_IN.items():
        assert verifyObject(IServerSourceMaker, maker)
        assert maker.name == name
