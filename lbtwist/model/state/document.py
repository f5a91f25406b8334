"""The state file: written and read, with a version and a checksum (rule 67)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lbtwist.model.address import Address, parse_address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Admin
from lbtwist.model.state import reading
from lbtwist.model.state.intent import Intent
from lbtwist.model.state.receipts import read_receipt, receipt_values

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
"""Larger is no state file: 50,000 drained servers take 20 MB."""

_VERSION, _CHECKSUM, _STATE = "lbtwist_state", "sha256", "state"


class Setting(NamedTuple):
    """One key that an operator has set."""

    path: tuple[str, ...]
    value: Any
    """What it was set to, in plain values."""
    who: str
    filed: Any
    """What the file said of it then, in plain values."""


@dataclass(frozen=True)
class State:
    """What is kept over a restart."""

    intents: Mapping[str, tuple[Intent, ...]] = field(default_factory=dict)
    """By server group."""
    settings: tuple[Setting, ...] = ()
    drains: tuple[Receipt, ...] = ()
    """Of drains that run: what each would leave, were it interrupted now."""
    disabled: Mapping[str, Because] = field(default_factory=dict)
    """Listeners that accept nothing, and who wanted it so."""

    @property
    def wants(self) -> bool:
        """There is something that an operator wants."""
        return bool(self.intents or self.settings or self.disabled)


def write_state(state: State) -> bytes:
    """The whole file."""
    values = {
        "server_groups": {
            group: {str(intent.address): _intent_values(intent) for intent in intents}
            for group, intents in state.intents.items()
        },
        "settings": [[list(each.path), each.value, each.who, each.filed] for each in state.settings],
        "drains": [receipt_values(receipt) for receipt in state.drains],
        "disabled": {name: because._asdict() for name, because in state.disabled.items()},
    }
    whole = {_VERSION: VERSION, _CHECKSUM: _checksum(values), _STATE: values}
    return json.dumps(whole, indent=1, allow_nan=False).encode() + b"\n"


def read_state(content: bytes) -> State:
    """What the file says. Raises ValueError where it is damaged, another's, or of a newer version."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    whole = reading.table(reading.parse_json(content.decode("ascii")), "file")
    version = whole.get(_VERSION)
    if type(version) is not int:
        raise ValueError("it is no state file")
    if version != VERSION:
        raise ValueError(f"it is of version {version}, and not {VERSION}")
    values = reading.fields(whole, "file", (_VERSION, _CHECKSUM, _STATE))[_STATE]
    if _checksum(values) != whole[_CHECKSUM]:
        raise ValueError("its checksum is wrong")
    return _state(reading.fields(values, _STATE, ("server_groups", "settings", "drains", "disabled")))


def _checksum(values: Any) -> str:
    try:
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _state(values: Mapping[str, Any]) -> State:
    groups = reading.table(values["server_groups"], "server_groups")
    return State(
        {name: tuple(_intents(group, f"server_groups.{name}")) for name, group in groups.items()},
        tuple(_setting(each) for each in reading.items(values["settings"], "settings")),
        tuple(read_receipt(each, "drains") for each in reading.items(values["drains"], "drains")),
        {name: _because(each) for name, each in reading.table(values["disabled"], "disabled").items()},
    )


def _intents(values: Any, where: str) -> Iterable[Intent]:
    for name, value in reading.table(values, where).items():
        yield _intent(_address(name, where), value, f"{where}.{name}")


def _intent_values(intent: Intent) -> dict[str, Any]:
    return {
        "said": intent.said and intent.said._asdict(),
        "live": intent.live and intent.live._asdict(),
        "admin": intent.admin.value,
        "until": intent.until,
        "who": intent.because.who,
        "why": intent.because.why,
        "host": intent.host,
    }


def _intent(address: Address, value: Any, where: str) -> Intent:
    values = reading.fields(value, where, ("said", "live", "admin", "until", "who", "why", "host"))
    until = values["until"]
    return Intent(
        address,
        _wanted(values["said"], f"{where}.said"),
        _wanted(values["live"], f"{where}.live"),
        Admin(values["admin"]),
        None if until is None else reading.instant(until, f"{where}.until"),
        Because(reading.text(values["who"], where), reading.text(values["why"], where)),
        reading.text(values["host"], f"{where}.host"),
    )


def _wanted(value: Any, where: str) -> Wanted | None:
    if value is None:
        return None
    values = reading.fields(value, where, Wanted._fields)
    return Wanted(
        reading.text(values["name"], where),
        reading.whole(values["weight"], f"{where}.weight", 100),
        reading.whole(values["max_connections"], f"{where}.max_connections"),
        reading.flag(values["backup"], f"{where}.backup"),
        reading.text(values["zone"], where),
    )


def _because(value: Any) -> Because:
    values = reading.fields(value, "disabled", Because._fields)
    return Because(reading.text(values["who"], "disabled"), reading.text(values["why"], "disabled"))


def _address(text: str, where: str) -> Address:
    address = parse_address(text)
    if str(address) != text:
        raise ValueError(f"{where}: {text!r} is not how {address} is written")
    return address


def _setting(value: Any) -> Setting:
    entry = reading.items(value, "settings")
    if len(entry) != 4:
        raise ValueError(f"settings: {len(entry)} entries are not path, value, who and what the file said")
    path, value, who, filed = entry
    steps = tuple(reading.text(step, "settings") for step in reading.items(path, "settings"))
    if not steps:
        raise ValueError("settings: a path is empty")
    return Setting(steps, value, reading.text(who, "settings"), filed)
