"""The names that a certificate is for."""

from __future__ import annotations

import pytest

from lbtwist.net.tls.key_pair import Identity
from tests.certificates import Issued, authority, issue


@pytest.mark.parametrize(
    ("issued", "names"),
    [
        (
            issue(None, ["www.example.com", "*.example.org", "192.0.2.1"]),
            ["www.example.com", "*.example.org"],
        ),
        (issue(None, ["192.0.2.1"]), ["server"]),
        (authority("old.example.com"), ["old.example.com"]),
    ],
    ids=["DNS names", "an address alone", "no alternative names"],
)
def test_the_common_name_counts_where_there_are_no_dns_names(issued: Issued, names: list[str]) -> None:
    assert Identity(issued.pem, issued.key_pem).names == names
