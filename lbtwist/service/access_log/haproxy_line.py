"""A line of the access log as haproxy's `option httplog` or `option tcplog` has it: docs/access-log.md."""

from __future__ import annotations

import re
import time
from functools import lru_cache

from lbtwist.model.access import NOT_REACHED, Access, End
from lbtwist.service.access_log.json_line import MAX_TARGET, REMEMBERED

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
    request = b"%b %b HTTP/%b" % (method, target[:MAX_TARGET], version)
    return (
        f"{_client(client)} [{_moment(int(began * 1000))}]"
        f" {_way(listener, group, server)} {before}/{_ms(response)}/{_ms(total)} {status or -1} {sent}"
        f" - - {'--' if end is DONE else states(record)}-- {_counts(ours, servers, retries, queued)}"
        f' "{encoded(request.decode("latin-1")) if method else BAD_REQUEST}"\n'
    )


def _tcp(record: Access) -> str:
    return (
        f"{_client(record.client)} [{_moment(int(record.time * 1000))}]"
        f" {_way(record.listener, record.group, record.server)}"
        f" {_ms(record.queue)}/{_ms(record.connect)}/{_ms(record.total)} {record.sent} {states(record)}"
        f" {_counts(record.connections, record.at_server, record.retries, record.queued)}\n"
    )


@lru_cache(REMEMBERED)
def _client(client: str) -> str:
    return encoded(client.replace("[", "").replace("]", ""))


@lru_cache(REMEMBERED)
def _way(listener: str, group: str, server: str) -> str:
    return f"{listener} {_word(server or f'{group or listener}/{NO_SERVER}')}"


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


@lru_cache(REMEMBERED)
def _counts(ours: int, servers: int, retries: int, queued: int) -> str:
    """Connections of the process, the frontend, the backend and the server, retries, and the queues."""
    return f"{ours}/{ours}/{servers}/{servers}/{retries} 0/{queued}"


@lru_cache(64)
def _moment(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03}"


@lru_cache(64)
def _second(second: int) -> str:
    """Local time, as haproxy has it."""
    return time.strftime("%d/%b/%Y:%H:%M:%S", time.localtime(second))
