"""A line of the access log as a JSON object: docs/access-log.md.

Made by hand, of parts that are remembered where they come again: json.dumps takes four times as long.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from lbtwist.model.access import NOT_REACHED, Access

MAX_TARGET = 2048
"""Bytes of a target that are told; of a host or method, MAX_NAME."""
MAX_NAME = 255
REMEMBERED = 4096

_FINE = 100_000
"""Steps in which times are told: hundredths of a millisecond."""
_TIMES = [f"{n / 100:.2f}" for n in range(10_000)]
"""How those below 100 ms are told. What did not come to pass is beyond either end."""
_THOUSANDTHS = [f"{n:03}" for n in range(1000)]
_KEYS = ("head_ms", "queue_ms", "connect_ms", "response_ms", "total_ms")


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
    try:
        times = (
            f'"head_ms":{_TIMES[int(head * _FINE)]},"queue_ms":{_TIMES[int(queue * _FINE)]},'
            f'"connect_ms":{_TIMES[int(connect * _FINE)]},"response_ms":{_TIMES[int(response * _FINE)]},'
            f'"total_ms":{_TIMES[int(total * _FINE)]}'
        )
    except IndexError:
        times = _long_times(head, queue, connect, response, total)
    return (
        f'{{"time":"{_second(second)}.{_THOUSANDTHS[int((time - second) * 1000)]}Z",'
        f"{_way(protocol, listener, group, server)}{_client(client, real_client)}"
        f"{_request(method[:MAX_NAME], host[:MAX_NAME])}"
        f'{quoted(target[:MAX_TARGET].decode("latin-1"))},"version":"{version.decode("latin-1")}",'
        f'"status":{status or "null"},"received":{received},"sent":{sent},{times},'
        f'"retries":{retries},"reused":{"true" if reused else "false"},"connections":{connections},'
        f'"server_connections":{at_server},"queued":{queued},"end":"{end._value_}"}}\n'
    )


def _long_times(*seconds: float) -> str:
    """The same, where some did not come to pass or took longer."""
    told = ("null" if each == NOT_REACHED else f"{each * 1000:.2f}" for each in seconds)
    return ",".join(f'"{key}":{time}' for key, time in zip(_KEYS, told, strict=True))


@lru_cache(64)
def _second(second: int) -> str:
    """ISO 8601 in UTC, without its fraction."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(REMEMBERED)
def _way(protocol: str, listener: str, group: str, server: str) -> str:
    return f'"protocol":"{protocol}","listener":"{listener}","group":"{group}","server":{quoted(server)},'


@lru_cache(REMEMBERED)
def _client(client: str, real_client: str) -> str:
    return f'"client":{quoted(client)},"real_client":{quoted(real_client)},'


@lru_cache(REMEMBERED)
def _request(method: bytes, host: bytes) -> str:
    told = quoted(method.decode("latin-1")), quoted(host.decode("latin-1"))
    return '"method":{},"host":{},"target":'.format(*told)
