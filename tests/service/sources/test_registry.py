from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IServerSource, IServerSourceMaker
from lbtwist.service.sources import registry
from lbtwist.service.sources.registry import BUILT_IN, maker_of, makers


@implementer(IServerSourceMaker)
class Plugin:
    def __init__(self, name: str) -> None:
        self.name = name

    def make(self, settings: Mapping[str, Any], port: int | None, reactor: Any) -> IServerSource:
        raise ValueError("a plugin")


def test_built_in() -> None:
    assert [maker.name for maker in BUILT_IN] == ["file", "dns", "http"]
    for maker in BUILT_IN:
        assert verifyObject(IServerSourceMaker, maker)
        assert maker_of(maker.name) is maker


def test_an_unknown_kind_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="'dsn' is not a kind of source: dns, file, http"):
        maker_of("dsn")


def test_a_plugin_is_found_and_takes_no_other_ones_place(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Plugin("consul")
    monkeypatch.setattr(registry, "getPlugins", lambda interface: iter([plugin, Plugin("dns")]))
    assert maker_of("consul") is plugin
    assert makers()["dns"] is maker_of("dns") is BUILT_IN[1]
