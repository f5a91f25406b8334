from __future__ import annotations

import pytest

from lbtwist.wire.cookie import cookie, tying_cookie, without_cookie


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([b"SID=abc"], b"abc"),
        ([b"a=b; SID=abc;c=d"], b"abc"),
        ([b"a=b", b"SID=abc"], b"abc"),
        ([b"SID=abc; SID=def"], b"abc"),
        ([b" SID = abc "], b"abc"),
        ([b"SID=a=b"], b"a=b"),
        ([b"SID"], b""),
        ([b"XSID=abc; SIDX=abc; sid=abc; a=SID=abc"], None),
        ([b""], None),
        ([], None),
    ],
)
def test_cookie(values: list[bytes], found: bytes | None) -> None:
    assert cookie(values, b"SID") == found


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"SID=abc", b""),
        (b"SID=abc;", b""),
        (b"a=b; SID=abc", b"a=b"),
        (b"SID=abc; a=b", b"a=b"),
        (b"a=b;SID=1;c=d; SID = 2", b"a=b; c=d"),
        (b"SID; a", b"a"),
        (b"a=b;c=d;", b"a=b;c=d;"),
        (b"XSID=1; SIDX=2; a=SID", b"XSID=1; SIDX=2; a=SID"),
    ],
)
def test_without_cookie(value: bytes, left: bytes) -> None:
    assert without_cookie(value, b"SID") == left
    assert cookie([left], b"SID") is None


def test_only_blanks_and_tabs_are_around_a_cookie() -> None:
    assert cookie([b"\t SID \t=\t abc\t "], b"SID") == b"abc"
    assert cookie([b"SID\x0b=abc"], b"SID") is None
    assert cookie([b"SID=XXabc\x0b"], b"SID") == b"XXabc\x0b"
    assert without_cookie(b"a=b\x0c; SID\x0b=c; SID=d", b"SID") == b"a=b\x0c; SID\x0b=c"


def test_what_ties_a_client() -> None:
    cookie = b"SID=00ff; Path=/; HttpOnly; Max-Age=3600"
    assert tying_cookie(b"SID", b"00ff", 3600.0) == cookie
    assert tying_cookie(b"SID", b"00ff", 3600.0, secure=True) == cookie + b"; Secure"
