"""The load balancer as rows, the same as the console's: whole as JSON, or what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lbtwist.model.registration import Membership
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.looking import facts

Picture = dict[str, Any]
"""By table, its rows by their first cell; `load_balancer` has what there is to say of the whole, and
`drains` the rows of those that run, `receipts` the last ones."""
TABLES = ("listeners", "groups", "servers")


def encoded(data: object) -> bytes:
    """`data` as one line of JSON in ASCII."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def table_rows(balancer: LoadBalancer) -> Iterator[tuple[str, rows.Row]]:
    """Each row with its table; one that goes while this is read is left out."""
    for listener in list(balancer.listeners.values()):
        yield "listeners", rows.listener_row(balancer, listener)
    for group in list(balancer.groups.values()):
        yield "groups", rows.group_row(balancer, group)
        for registration in list(group.members):
            if registration.membership is not Membership.GONE:
                yield "servers", rows.server_row(balancer, registration)
        for server in group.named.unresolved():
            yield "servers", rows.unresolved_row(group, server)


def document(balancer: LoadBalancer) -> Iterator[bytes]:
    """What `status` answers with all columns, and the receipts, as JSON in pieces."""
    tables: dict[str, list[bytes]] = {name: [] for name in TABLES}
    for name, row in table_rows(balancer):
        tables[name].append(encoded(row))
        yield b""
    yield encoded(facts(balancer)).removesuffix(b"}")
    for name, lines in tables.items():
        yield b',"%b":[%b]' % (name.encode(), b",".join(lines))
    yield b',"drains":' + encoded([rows.drain_row(running) for running in balancer.drains])
    separator = b',"receipts":['
    for receipt in list(balancer.drains.receipts):
        yield separator + encoded(rows.receipt_row(receipt))
        separator = b","
    yield b"]}\n" if separator == b"," else separator + b"]}\n"


def changed(before: Picture, now: Picture) -> Picture:
    """What is other in `now`: of a row the cells that are, None for one that is gone; of receipts the new.
    Empty when all is as before."""
    difference: Picture = {}
    for name in TABLES:
        was, is_now = before.get(name, {}), now[name]
        cells = {key: _cells(was.get(key, {}), row) for key, row in is_now.items()}
        rows_changed = {key: new for key, new in cells.items() if new}
        rows_changed |= dict.fromkeys(was.keys() - is_now.keys())
        if rows_changed:
            difference[name] = rows_changed
    for name in ("load_balancer", "drains"):
        if before.get(name) != now[name]:
            difference[name] = now[name]
    known = before.get("receipts", ())
    if come := [row for row in now["receipts"] if row not in known]:
        difference["receipts"] = come
    return difference


def _cells(was: rows.Row, row: rows.Row) -> rows.Row:
    return {name: cell for name, cell in row.items() if name not in was or was[name] != cell}
