"""Rule 67: what is written is read again, and what is damaged is refused, whatever the damage is."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.address import Address, parse_address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Admin
from lbtwist.model.state import document
from lbtwist.model.state.document import MAX_BYTES, Setting, State, read_state, write_state
from lbtwist.model.state.intent import Intent
from lbtwist.model.state.reading import LATEST
from lbtwist.model.state.receipts import read_receipt_line, receipt_line

TIMES = st.floats(0, LATEST)
COUNTS = st.integers(0, 10**12)
WANTED = st.builds(Wanted, st.text(), st.integers(0, 100), COUNTS, st.booleans(), st.text())
ADDRESSES = st.sampled_from(
    [parse_address(text) for text in ("10.0.0.1:80", "[2001:db8::1]:443", "unix:/run/a", "[fe80::1%eth0]:1")]
)
INTENTS = st.builds(
    Intent,
    ADDRESSES,
    st.none() | WANTED,
    st.none() | WANTED,
    st.sampled_from(Admin),
    st.none() | TIMES,
    st.builds(Because, st.text(), st.text()),
    st.text(),
)
RECEIPTS = st.builds(
    Receipt,
    st.text(), st.text(), st.text(), st.text(),
    TIMES, TIMES | st.just(math.inf), TIMES,
    st.text(),
    *[COUNTS] * 9,
)  # fmt: skip
VALUES = st.recursive(
    st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SETTINGS = st.builds(
    Setting, st.lists(st.text(), min_size=1).map(tuple), st.none() | VALUES, st.text(), st.none() | VALUES
)
STATES = st.builds(
    State,
    st.dictionaries(st.text(), st.lists(INTENTS, unique_by=lambda each: each.address).map(tuple)),
    st.lists(SETTINGS, max_size=3).map(tuple),
    st.lists(RECEIPTS, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.builds(Because, st.text(), st.text())),
)

EMPTY: dict[str, Any] = {"server_groups": {}, "settings": [], "drains": [], "disabled": {}}
ONE = State(
    {
        "app": (
            Intent(
                Address("10.0.0.1", 80), Wanted("a"), Wanted("a", 7), Admin.MAINT, 1.7e9, Because("ada", "x")
            ),
        )
    },
    (Setting(("server_groups", "app", "retries"), 3, "ada", 2),),
    (Receipt("app/a#1", "maintenance", "ada", "x", 1.7e9, math.inf, 1.7e9, "interrupted", 3, 1, 0, 2, 9),),
    {"web": Because("ada", "x")},
)


@given(STATES)
def test_rule_67_what_is_written_is_read_again(state: State) -> None:
    assert read_state(write_state(state)) == state


@given(RECEIPTS)
def test_rule_67_a_receipt_is_read_again_from_its_line(receipt: Receipt) -> None:
    line = receipt_line(receipt)
    assert line.index("\n") == len(line) - 1
    assert read_receipt_line(line) == receipt


def test_a_receipt_of_before_a_counter_was_known_has_none_of_it() -> None:
    values = json.loads(receipt_line(ONE.drains[0]))
    del values["tunnels_closed"]
    assert read_receipt_line(json.dumps(values)) == ONE.drains[0]
    del values["cut"]
    with pytest.raises(ValueError, match="there is no cut"):
        read_receipt_line(json.dumps(values))


def test_a_deadline_later_than_any_date_is_none() -> None:
    values = json.loads(receipt_line(ONE.drains[0]))
    assert values["deadline"] is None


def test_rule_67_a_truncated_file_is_refused_at_every_byte() -> None:
    content = write_state(ONE)
    for length in range(len(content) - 1):  # the last byte ends the line
        with pytest.raises(ValueError, match=r"."):
            read_state(content[:length])


def test_rule_67_no_flipped_bit_changes_what_is_read() -> None:
    content = write_state(ONE)
    for at in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            try:
                read = read_state(bytes(flipped))
            except ValueError:
                continue
            assert read == ONE


def _sealed(values: Any, **whole: Any) -> bytes:
    """A file of these values, with a right checksum."""
    checksum = document._checksum(values)
    return json.dumps({"lbtwist_state": 1, "sha256": checksum, "state": values} | whole).encode()


def _values() -> Any:
    return json.loads(write_state(ONE))["state"]


WRONG: list[Any] = [None, True, -1, 0.5, 101, 1e300, "", "x", [], ["x"], {}, {"x": 1}]


def _paths(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    return [path, *(deeper for step, inner in steps for deeper in _paths(inner, (*path, step)))]


@pytest.mark.parametrize("path", _paths(_values())[1:], ids=str)
def test_rule_67_a_value_of_a_wrong_type_is_refused_or_of_no_harm(path: tuple[Any, ...]) -> None:
    """Whatever is read can be written again, and shown."""
    for wrong in WRONG:
        values = _values()
        table = values
        for step in path[:-1]:
            table = table[step]
        table[path[-1]] = wrong
        try:
            state = read_state(_sealed(values))
        except ValueError:
            continue
        assert read_state(write_state(state)) == state
        for group in state.intents.values():
            for intent in group:
                assert intent.live is None or 0 <= intent.live.weight <= 100
                assert intent.until is None or 0 <= intent.until <= LATEST


INTENT = ("server_groups", "app", "10.0.0.1:80")
AT = "server_groups.app.10.0.0.1:80"
WANTED_KEYS = "name, weight, max_connections, backup, zone"


@pytest.mark.parametrize(
    ("path", "wrong", "why"),
    [
        (("server_groups",), 1, "server_groups: 1 is not a table"),
        (("server_groups", "app"), 1, "server_groups.app: 1 is not a table"),
        (INTENT, 1, f"{AT}: 1 is not a table of said, live, admin, until, who, why, host"),
        ((*INTENT, "said"), 1, f"{AT}.said: 1 is not a table of {WANTED_KEYS}"),
        ((*INTENT, "live"), 1, f"{AT}.live: 1 is not a table of {WANTED_KEYS}"),
        ((*INTENT, "said", "name"), 1, f"{AT}.said: 1 is not text"),
        ((*INTENT, "said", "weight"), 101, f"{AT}.said.weight: 101 is not a whole number from 0 to 100"),
        (
            (*INTENT, "live", "max_connections"),
            -1,
            f"{AT}.live.max_connections: -1 is not a whole number from 0 to any",
        ),
        ((*INTENT, "live", "backup"), 1, f"{AT}.live.backup: 1 is neither true nor false"),
        ((*INTENT, "live", "zone"), 1, f"{AT}.live: 1 is not text"),
        ((*INTENT, "admin"), "x", "'x' is not a valid Admin"),
        ((*INTENT, "until"), -1, f"{AT}.until: -1 is no time"),
        ((*INTENT, "who"), 1, f"{AT}: 1 is not text"),
        ((*INTENT, "why"), 1, f"{AT}: 1 is not text"),
        ((*INTENT, "host"), 1, f"{AT}.host: 1 is not text"),
        (("settings",), 1, "settings: 1 is not a list"),
        (("settings", 0), 1, "settings: 1 is not a list"),
        (("settings", 0, 0), 1, "settings: 1 is not a list"),
        (("settings", 0, 0, 0), 1, "settings: 1 is not text"),
        (("settings", 0, 2), 1, "settings: 1 is not text"),
        (("drains",), 1, "drains: 1 is not a list"),
        (("drains", 0), 1, "drains: 1 is not a table"),
        (("drains", 0), {"unknown": 1, "another": 2}, "drains: 'another' is not known"),
        (("drains", 0), {}, "drains: there is no subject"),
        (("drains", 0, "cut"), "x", "drains.cut: 'x' is not a whole number from 0 to any"),
        (("drains", 0, "deadline"), -1, "drains.deadline: -1 is no time"),
        (("drains", 0, "end"), None, "drains.end: None is no time"),
        (("drains", 0, "why"), None, "drains.why: None is not text"),
        (("disabled",), 1, "disabled: 1 is not a table"),
        (("disabled", "web"), 1, "disabled: 1 is not a table of who, why"),
        (("disabled", "web", "who"), 1, "disabled: 1 is not text"),
        (("disabled", "web", "why"), 2, "disabled: 2 is not text"),
    ],
    ids=repr,
)
def test_what_is_wrong_is_told_with_its_place(path: tuple[Any, ...], wrong: Any, why: str) -> None:
    values = _values()
    table = values
    for step in path[:-1]:
        table = table[step]
    table[path[-1]] = wrong
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        read_state(_sealed(values))


def test_a_state_that_is_none_at_all_is_told_with_its_place() -> None:
    with pytest.raises(
        ValueError, match=r"^state: 1 is not a table of server_groups, settings, drains, disabled$"
    ):
        read_state(_sealed(1))


def test_how_it_is_written() -> None:
    """What another version, or a person, finds in the file."""
    content = write_state(ONE)
    assert content.startswith(b'{\n "lbtwist_state": 1,\n "sha256": "')
    assert content.endswith(b"\n}\n")
    wanted = {"name": "a", "weight": 100, "max_connections": 0, "backup": False, "zone": ""}
    values = _values()
    assert values["server_groups"] == {
        "app": {
            "10.0.0.1:80": {
                "said": wanted,
                "live": wanted | {"weight": 7},
                "admin": "maint",
                "until": 1.7e9,
                "who": "ada",
                "why": "x",
                "host": "",
            }
        }
    }
    assert values["settings"] == [[["server_groups", "app", "retries"], 3, "ada", 2]]
    assert values["disabled"] == {"web": {"who": "ada", "why": "x"}}
    assert (
        json.loads(content)["sha256"]
        == hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    )


def test_what_is_no_number_in_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_state(State(settings=(Setting(("a",), math.nan, "ada", 1),)))


def test_the_ends_of_what_is_read() -> None:
    live = Wanted("b", 0, 10**9, True, "z")
    intents = tuple(
        Intent(Address(f"10.0.0.{number}", 80), None, live, Admin.DRAIN, until, Because("ada"), "b:80")
        for number, until in enumerate([None, 0.0, LATEST])
    )
    drains = tuple(
        Receipt("s", "c", "w", "y", 0.0, deadline, LATEST, "cut", *range(1, 10))
        for deadline in (0.0, LATEST, math.inf)
    )
    state = State({"app": intents, "api": ()}, (Setting(("a", "b"), [1], "", 7),) * 2, drains)
    assert read_state(write_state(state)) == state
    assert [read_receipt_line(receipt_line(each)) for each in drains] == list(drains)
    with pytest.raises(ValueError, match=r"^receipt: 1 is not a table$"):
        read_receipt_line("1")


def test_a_key_that_is_missing_or_unknown_is_refused() -> None:
    for table in (
        (),
        ("server_groups", "app", "10.0.0.1:80"),
        ("server_groups", "app", "10.0.0.1:80", "said"),
    ):
        for change in ("more", "less"):
            values = _values()
            found = values
            for step in table:
                found = found[step]
            if change == "more":
                found["unknown"] = 1
            else:
                found.popitem()
            with pytest.raises(ValueError, match="is not a table of"):
                read_state(_sealed(values))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", r"^file: \[\] is not a table$"),
        (b"{}", "^it is no state file$"),
        (b'{"lbtwist_state": true}', "^it is no state file$"),
        (_sealed(_values(), lbtwist_state=2), "^it is of version 2, and not 1$"),
        (_sealed(_values(), lbtwist_state=0), "of version 0"),
        (_sealed(_values(), more=1), "^file: .* is not a table of lbtwist_state, sha256, state$"),
        (_sealed(_values(), sha256="0" * 64), "^its checksum is wrong$"),
        (b'{"a": 1, "a": 1}', "^a key stands there twice$"),
        (b'{"a": NaN}', "^NaN is no number$"),
        (b"[" * 100_000, "^it is nested too deeply$"),
        (b"\xff", "ascii"),
        (b"1" * 10_000, "digits"),
        (
            _sealed(
                {"server_groups": {"app": {"10.0.0.1:080": {}}}, "settings": [], "drains": [], "disabled": {}}
            ),
            "port",
        ),
        (
            _sealed({"server_groups": {"app": {"unix:": {}}}, "settings": [], "drains": [], "disabled": {}}),
            "unix",
        ),
        (
            _sealed({**EMPTY, "settings": [[["a"], 1, "x"]]}),
            "^settings: 3 entries are not path, value, who and what the file said$",
        ),
        (
            _sealed({**EMPTY, "settings": [[[], 1, "x", 1]]}),
            "^settings: a path is empty$",
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_rule_67_what_is_no_state_file_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_state(content)


def test_an_address_stands_in_one_form_only() -> None:
    values = _values()
    values["server_groups"]["app"] = {"[::ffff:10.0.0.1]:80": values["server_groups"]["app"]["10.0.0.1:80"]}
    with pytest.raises(
        ValueError,
        match=r"^server_groups\.app: '\[::ffff:10\.0\.0\.1\]:80' is not how 10\.0\.0\.1:80 is written$",
    ):
        read_state(_sealed(values))


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^it is larger than 67108864 bytes$"):
        read_state(b" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="Expecting value"):
        read_state(b" " * MAX_BYTES)


def test_what_an_operator_wants_is_of_servers_and_settings() -> None:
    assert not State(drains=ONE.drains).wants
    assert State(ONE.intents).wants
    assert State(settings=ONE.settings).wants
    assert State(disabled=ONE.disabled).wants
