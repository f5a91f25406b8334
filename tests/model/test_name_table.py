"""Which certificate is for a name."""

from __future__ import annotations

import pytest

from lbtwist.model.name_table import NameTable

TABLE = NameTable(
    [
        ["first.example"],
        ["*.example.com", "example.com"],
        ["www.example.com", "Shop.Example.com"],
        ["www.example.com", "*.b.example.com"],
    ]
)


def test_two_certificates_for_one_name_and_none_at_all() -> None:
    table = NameTable([[], ["a.example"], ["A.example", "B.example"]])
    assert [table.find(name) for name in ("a.example", "b.example", "c.example")] == [1, 2, 0]
    assert NameTable([]).find("a.example") == 0


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("first.example", 0),
        ("www.example.com", 2),
        ("WWW.example.COM", 2),
        ("shop.example.com", 2),
        ("other.example.com", 1),
        ("example.com", 1),
        ("a.b.example.com", 3),
        ("b.example.com", 1),
        ("x.a.b.example.com", 0),
        ("*.example.com", 1),
        ("www.example.com.", 2),
        ("other.example.com.", 1),
        ("example.org", 0),
        ("com", 0),
        ("", 0),
    ],
)
def test_the_exact_name_then_a_wildcard_of_one_label_then_the_first(name: str, index: int) -> None:
    assert TABLE.find(name) == index
