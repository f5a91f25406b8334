"""A line of the access log as haproxy's `option httplog` or `option tcplog` has it: docs/access-log.md."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lbtwist.model.access import NOT_REACHED, Access, End, Told, Usual
from lbtwist.service.access_log.json_line import KEPT, MAX_TARGET
from lbtwist.service.access_log.remembered import Remembered

DONE = End.DONE
STATES = {
    End.DONE: "--",
    End.RULE: "LR",
    End.REFUSED: "PR",
    End.OVER_LIMIT: "PR",
    End.DENIED: "PR",
    End.CLIENT_LIMIT: "PR",
    End.CLIENT_RATE: "PR",
    End.TOTAL_RATE: "PR",
    End.NO_SERVER: "SC",
    End.CONNECT_FAILED: "SC",
    End.CONNECT_TIMEOUT: "sC",
}
"""The termination states of those that end at one stage alone."""
CAUSES = {
    End.CLIENT_ABORT: "C",
    End.CLIENT_TIMEOUT: "c",
    End.TUNNEL_TIMEOUT: "c",
    End.SERVER_ABORT: "S",
    End.SERVER_TIMEOUT: "s",
    End.INTERNAL_ERROR: "I",
    End.DRAIN_DEADLINE: "D",
    End.OPERATOR_CUT: "K",
    End.SHUTDOWN_CUT: "K",
}
"""The first letter of the others; the second is how far they came."""
NO_SERVER = "<NOSRV>"
BAD_REQUEST = "<BADREQ>"

_ENCODED = re.compile(r'[^ -~]|["#]')
"""What haproxy writes as # and two hexadecimal digits."""
_WORD = re.compile(r"[!-~]*")


def haproxy_lines(records: Sequence[Told], since: float) -> str:
    """One for each, in their order; `since` is what the time since 1970 is ahead of the monotonic clock."""
    return "".join(_lines(records, since))


def haproxy_line(record: Access) -> str:
    """The line that such a request, or such a connection, has there."""
    return _http(record) if record.over_http else _tcp(record)


def states(record: Access) -> str:
    """How the session was terminated: by whom, and at which stage."""
    cause = CAUSES.get(record.end)
    return STATES[record.end] if cause is None else cause + _stage(record)


def _stage(record: Access) -> str:
    if record.over_http and record.head == NOT_REACHED:
        return "R"
    if record.connect == NOT_REACHED:
        return "C"
    return "H" if record.over_http and record.response == NOT_REACHED else "D"


def _http(record: Access) -> str:
    (
        began,
        _,
        listener,
        group,
        server,
        client,
        _,
        method,
        _,
        target,
        version,
        status,
        _,
        sent,
        head,
        queue,
        connect,
        response,
        total,
        retries,
        _,
        ours,
        servers,
        queued,
        end,
    ) = record
    # The usual way first: it came in one piece, over a connection that was kept.
    before = f"0/{_ms(queue)}/0" if head == connect == 0 else f"{_ms(head)}/{_ms(queue)}/{_ms(connect)}"
    request = encoded(_request_line(method, target, version)) if method else BAD_REQUEST
    return (
        f"{_CLIENTS[client,]} [{_moment(int(began * 1000))}]"
        f" {_WAYS[listener, group, server]} {before}/{_ms(response)}/{_ms(total)} {status or -1} {sent}"
        f" - - {'--' if end is DONE else states(record)}-- {_COUNTS[ours, servers, retries, queued]}"
        f' "{request}"\n'
    )


def _lines(records: Sequence[Told], since: float) -> Iterator[str]:
    """In one function, for calls are most of what a line costs. The usual ones come as `haproxy_line` makes
    them of `access_of`."""
    ways, counts, clients = _WAYS, _COUNTS, _CLIENTS
    last, moment = 0, ""
    for record in records:
        if isinstance(record, Access):
            yield haproxy_line(record)
            continue
        (
            began,
            _,
            listener,
            group,
            server,
            client,
            _,
            request,
            status,
            _,
            sent,
            queue,
            response,
            total,
            ours,
            servers,
            queued,
        ) = record
        if (time := int((began + since) * 1000)) != last:
            last, moment = time, _moment(time)
        asked, _, line = client.written
        if asked is not request:
            line = _asked(record)
        yield (
            f"{clients[client.address,]} [{moment}] {ways[listener, group, server]}"
            f" 0/{int(queue * 1000)}/0/{int(response * 1000)}/{int(total * 1000)} {status} {sent}"
            f" - - ---- {counts[ours, servers, 0, queued]} {line}\n"
        )


def _asked(told: Usual) -> str:
    """The request, which stays the same while a client asks the same."""
    client, request = told[5], told[7]
    line = f'"{encoded(_request_line(request.method, request.target, request.version))}"'
    if len(line) <= KEPT:
        client.written = request, "", line
    return line


def _request_line(method: bytes, target: bytes, version: bytes) -> str:
    return (b"%b %b HTTP/%b" % (method, target[:MAX_TARGET], version)).decode("latin-1")


def _tcp(record: Access) -> str:
    return (
        f"{_CLIENTS[record.client,]} [{_moment(int(record.time * 1000))}]"
        f" {_WAYS[record.listener, record.group, record.server]}"
        f" {_ms(record.queue)}/{_ms(record.connect)}/{_ms(record.total)} {record.sent} {states(record)}"
        f" {_COUNTS[record.connections, record.at_server, record.retries, record.queued]}\n"
    )


def _client(client: str) -> str:
    return encoded(client.replace("[", "").replace("]", ""))


_CLIENTS = Remembered(_client)


def _way(listener: str, group: str, server: str) -> str:
    return f"{listener} {_word(server or f'{group or listener}/{NO_SERVER}')}"


_WAYS = Remembered(_way)


def encoded(text: str) -> str:
    """What could end a field or a line is written in hexadecimal."""
    if text.isascii() and text.isprintable() and '"' not in text and "#" not in text:
        return text  # as nearly all are, and told in half the time
    return _ENCODED.sub(_hexadecimal, text)


def _hexadecimal(found: re.Match[str]) -> str:
    character = found[0]
    coded = character.encode("latin-1" if character <= "\xff" else "utf-8")
    return "".join(f"#{byte:02X}" for byte in coded)


def _word(text: str) -> str:
    """A name of our own, in one field; its # is that of the registration's number."""
    return text if _WORD.fullmatch(text) else encoded(text).replace(" ", "#20")


def _ms(seconds: float) -> int:
    return int(seconds * 1000) if seconds >= 0 else -1


def _counts(ours: int, servers: int, retries: int, queued: int) -> str:
    """Connections of the process, the frontend, the backend and the server, retries, and the queues."""
    return f"{ours}/{ours}/{servers}/{servers}/{retries} 0/{queued}"


_COUNTS = Remembered(_counts)


@lru_cache(64)
def _moment(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03}"


@lru_cache(64)
def _second(second: int) -> str:
    """Local time, as haproxy has it."""
    return time.strftime("%d/%b/%Y:%H:%M:%S", time.localtime(second))
