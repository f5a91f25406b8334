from __future__ import annotations

import pytest

from lbtwist.service.sources.settings import check_keys, read_interval, read_text


def test_keys() -> None:
    check_keys({"url": 1, "interval": 2}, "url", "interval")
    with pytest.raises(ValueError, match="'intervall' is not a key of it: url, interval"):
        check_keys({"url": 1, "intervall": 2}, "url", "interval")
    with pytest.raises(ValueError, match="url is missing"):
        check_keys({}, "url", "interval")


def test_interval() -> None:
    assert [read_interval(s) for s in ({}, {"interval": 1}, {"interval": "5m"})] == [10, 1, 300]


@pytest.mark.parametrize("value", [0, 0.9, 86401, True, "5", None])
def test_interval_is_strict(value: object) -> None:
    with pytest.raises(ValueError, match="interval: "):
        read_interval({"interval": value})


def test_text() -> None:
    assert read_text({"a": "x"}, "a") == "x"
    assert read_text({}, "a", "y") == "y"
    for wrong in (5, None, "a\nb", "\0"):
        with pytest.raises(ValueError, match=r"a: .* is not text"):
            read_text({"a": wrong}, "a")
