"""Who a server has to be."""

from __future__ import annotations

import pytest

from lbtwist.model.address import Address
from lbtwist.model.server_tls import ServerTLS


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (Address("10.0.0.1", 443), "10.0.0.1"),
        (Address("2001:db8::1", 443), "2001:db8::1"),
        (Address("fe80::1%eth0", 443), "fe80::1"),
        (Address("10.0.0.1", 443, "app.internal"), "app.internal"),
        (Address("/run/app%1.sock"), "localhost"),
    ],
)
def test_each_is_itself_where_no_name_is_set(address: Address, name: str) -> None:
    assert ServerTLS().name_of(address) == name
    assert ServerTLS(name="www.example").name_of(address) == "www.example"
