"""Secrets in the text of a file are not seen, however they are written."""

from __future__ import annotations

import tomllib

import pytest

from lbtwist.model.config import Part
from lbtwist.model.config.hiding import hidden

SECRET = "0123456789abcdef"
WITH_QUOTES = 'a"b"c\\d012345678901'


@pytest.mark.parametrize(
    "text",
    [
        f'[g.session_persistence]\nsecret = "{SECRET}"  # ours',
        f"[g]\nsession_persistence = {{ type = 'cookie', secret='{SECRET}' }}",
        f'[g]\nsession_persistence.secret = """{SECRET}"""',
        f'[g]\nsession_persistence.secret = """\n{SECRET}"""',
        f"[g.session_persistence]\n\"secret\" = '''\n{SECRET}'''",
        f'[[list]]\nsecret = "{SECRET}"\nsecrets = "not so"',
    ],
)
def test_a_secret_is_not_seen(text: str) -> None:
    shown = "\n".join(hidden(text.split("\n"), [Part(tomllib.loads(text))]))
    assert SECRET not in shown
    assert "***" in shown
    assert [line for line in text.split("\n") if "secret" not in line and SECRET not in line] == [
        line for line in shown.split("\n") if "secret" not in line and "***" not in line
    ]


def test_one_that_is_escaped_is_not_seen() -> None:
    line = '+session_persistence = { secret = "a\\"b\\"c\\\\d012345678901", type = "cookie" }'
    assert hidden([line], []) == ['+session_persistence = { secret = "***", type = "cookie" }']


def test_what_is_no_secret_is_seen() -> None:
    lines = ["+retries = 3", ' name = "my secret"', '-host = "secret.example.com"']
    assert hidden(lines, [Part({"name": "my secret"})]) == lines


def test_a_secret_within_another_does_not_show_the_rest_of_it() -> None:
    longer = f"00{SECRET}zz"
    parts = [Part({"a": [[{"secret": SECRET}]]}), Part({"b": {"secret": longer, "c": {"secret": ""}}})]
    assert hidden([f"x {longer} y", f"x {SECRET} y"], parts) == ["x *** y", "x *** y"]
    assert hidden([f"x {longer} y", f"x {SECRET} y"], parts[::-1]) == ["x *** y", "x *** y"]
