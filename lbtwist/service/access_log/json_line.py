"""A line of the access log as a JSON object: docs/access-log.md.

Made by hand, of parts that are remembered where they come again: json.dumps takes four times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted

from lbtwist.model.access import NOT_REACHED, Access, Told, Usual, access_of
from lbtwist.service.access_log.remembered import REMEMBERED, Remembered

MAX_TARGET = 2048
"""Bytes of a target that are told; of a host or method, MAX_NAME."""
MAX_NAME = 255
KEPT = 1024
"""Characters that are kept for a client's connection, of a request that may come again."""

_FINE = 100_000
"""Steps in which times are told: hundredths of a millisecond."""
_TIMES = [f"{n / 100:.2f}" for n in range(10_000)]
"""How those below 100 ms are told. What did not come to pass is beyond either end."""
_KEYS = ("head_ms", "queue_ms", "connect_ms", "response_ms", "total_ms")


def json_lines(records: Sequence[Told], since: float) -> str:
    """One for each, in their order; `since` is what the time since 1970 is ahead of the monotonic clock."""
    return "".join(_lines(records, since))


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
    try:
        way, request, answer = remembered[protocol, listener, group, server, method, host, version]
    except KeyError:
        way, request, answer = _told(protocol, listener, group, server, method, host, version)
    try:
        if head == connect == 0:  # it came in one piece, over a connection that was kept
            before = f'"head_ms":0.00,"queue_ms":{_TIMES[int(queue * _FINE)]},"connect_ms":0.00'
        else:
            before = _before(head, queue, connect)
        times = (
            f'{before},"response_ms":{_TIMES[int(response * _FINE)]},"total_ms":{_TIMES[int(total * _FINE)]}'
        )
    except IndexError:
        times = _long_times(head, queue, connect, response, total)
    return (
        f'{{"time":"{_moment(int(time * 1000))}Z",'
        f'{way}"client":{quoted(client)},"real_client":{quoted(real_client)},'
        f"{request}{quoted(target[:MAX_TARGET].decode('latin-1'))}{answer}"
        f'{status or "null"},"received":{received},"sent":{sent},{times},'
        f'{_counts(retries, reused, connections, at_server, queued)},"end":"{end._value_}"}}\n'
    )


def _lines(records: Sequence[Told], since: float) -> Iterator[str]:
    """In one function, for calls are most of what a line costs. The usual ones come as `json_line` makes them
    of `access_of`."""
    ways, counts, times = _WAYS, _USUAL_COUNTS, _TIMES
    last, moment = 0, ""
    for record in records:
        if isinstance(record, Access):
            yield json_line(record)
            continue
        (
            began,
            protocol,
            listener,
            group,
            server,
            client,
            real_client,
            request,
            status,
            received,
            sent,
            queue,
            response,
            total,
            connections,
            at_server,
            queued,
        ) = record
        if (time := int((began + since) * 1000)) != last:
            last, moment = time, _moment(time)
        asked, host, who = client.written
        if asked is not request or host != real_client:
            who = _who(record)
        try:
            yield (
                f'{{"time":"{moment}Z",{ways[protocol, listener, group, server]}{who}{status},'
                f'"received":{received},"sent":{sent},"head_ms":0.00,"queue_ms":{times[int(queue * _FINE)]},'
                f'"connect_ms":0.00,"response_ms":{times[int(response * _FINE)]},'
                f'"total_ms":{times[int(total * _FINE)]},{counts[connections, at_server, queued]}'
            )
        except IndexError:
            yield json_line(access_of(record, since))


def _long_times(*seconds: float) -> str:
    """The same, where some did not come to pass or took longer."""
    told = ("null" if each == NOT_REACHED else f"{each * 1000:.2f}" for each in seconds)
    return ",".join(f'"{key}":{time}' for key, time in zip(_KEYS, told, strict=True))


def _before(head: float, queue: float, connect: float) -> str:
    """What it took to have a server. Raises IndexError where that is no time below 100 ms."""
    return (
        f'"head_ms":{_TIMES[int(head * _FINE)]},"queue_ms":{_TIMES[int(queue * _FINE)]},'
        f'"connect_ms":{_TIMES[int(connect * _FINE)]}'
    )


@lru_cache(REMEMBERED)
def _counts(retries: int, reused: bool, connections: int, at_server: int, queued: int) -> str:
    return (
        f'"retries":{retries},"reused":{"true" if reused else "false"},"connections":{connections},'
        f'"server_connections":{at_server},"queued":{queued}'
    )


@lru_cache(64)
def _moment(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03}"


@lru_cache(64)
def _second(second: int) -> str:
    """ISO 8601 in UTC, without its fraction."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


remembered: dict[tuple[str, str, str, str, bytes, bytes, bytes], tuple[str, str, str]] = {}
"""What stands before the client, the target and the status, of requests to one server for one host."""


def _told(
    protocol: str, listener: str, group: str, server: str, method: bytes, host: bytes, version: bytes
) -> tuple[str, str, str]:
    verb, name, number = (quoted(each[:MAX_NAME].decode("latin-1")) for each in (method, host, version))
    way = _WAYS[protocol, listener, group, server]
    told = way, f'"method":{verb},"host":{name},"target":', f',"version":{number},"status":'
    if len(method) + len(host) <= MAX_NAME:
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[protocol, listener, group, server, method, host, version] = told
    return told


def _way(protocol: str, listener: str, group: str, server: str) -> str:
    return f'"protocol":"{protocol}","listener":"{listener}","group":"{group}","server":{quoted(server)},'


_WAYS = Remembered(_way)


def _usual_counts(connections: int, at_server: int, queued: int) -> str:
    return f'{_counts(0, True, connections, at_server, queued)},"end":"done"}}\n'


_USUAL_COUNTS = Remembered(_usual_counts)


def _who(told: Usual) -> str:
    """From the client to the status, which stays the same while a client asks the same."""
    _, protocol, listener, group, server, client, real_client, asked, *_ = told
    method, host, target, version = asked.method, asked.host, asked.target, asked.version
    try:
        _, request, answer = remembered[protocol, listener, group, server, method, host, version]
    except KeyError:
        _, request, answer = _told(protocol, listener, group, server, method, host, version)
    text = (
        f'"client":{quoted(client.address)},"real_client":{quoted(real_client)},'
        f"{request}{quoted(target[:MAX_TARGET].decode('latin-1'))}{answer}"
    )
    if len(text) <= KEPT:
        client.written = asked, real_client, text
    return text
