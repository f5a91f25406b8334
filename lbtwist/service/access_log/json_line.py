"""A line of the access log as a JSON object: docs/access-log.md."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from lbtwist.model.access import NOT_REACHED, Access

MAX_TARGET = 2048
"""Bytes of a target that are told; of a host or method, MAX_NAME."""
MAX_NAME = 255

_name = lru_cache(4096)(quoted)
"""Names come again and again."""


def json_line(record: Access) -> str:
    """All of it, in one line; what a peer has sent is escaped, and cut where it is long."""
    (
        time,
        protocol,
        listener,
        group,
        server,
        client,
        real_client,
        method,
        host,
        target,
        version,
        status,
        received,
        sent,
        head,
        queue,
        connect,
        response,
        total,
        retries,
        reused,
        connections,
        at_server,
        queued,
        end,
    ) = record
    second = int(time)
    # Made by hand: json.dumps of a dictionary takes three times as long.
    return (
        f'{{"time":"{_second(second)}.{int((time - second) * 1000):03}Z","protocol":"{protocol}",'
        f'"listener":"{listener}","group":"{group}","server":{_name(server)},'
        f'"client":{quoted(client)},"real_client":"{real_client}",'
        f'"method":{_peers(method[:MAX_NAME])},"host":{_peers(host[:MAX_NAME])},'
        f'"target":{quoted(target[:MAX_TARGET].decode("latin-1"))},"version":"{version.decode("latin-1")}",'
        f'"status":{status or "null"},"received":{received},"sent":{sent},'
        f'"head_ms":{_ms(head)},"queue_ms":{_ms(queue)},"connect_ms":{_ms(connect)},'
        f'"response_ms":{_ms(response)},"total_ms":{total * 1000:.3f},'
        f'"retries":{retries},"reused":{"true" if reused else "false"},"connections":{connections},'
        f'"server_connections":{at_server},"queued":{queued},"end":"{end._value_}"}}\n'
    )


def _ms(seconds: float) -> str:
    if not seconds:
        return "0"
    return "null" if seconds == NOT_REACHED else f"{seconds * 1000:.3f}"


@lru_cache(64)
def _second(second: int) -> str:
    """ISO 8601 in UTC, without its fraction."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(4096)
def _peers(text: bytes) -> str:
    return quoted(text.decode("latin-1"))
