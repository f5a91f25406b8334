"""A line of the access log as haproxy's `option httplog` or `option tcplog` has it: docs/access-log.md."""

from __future__ import annotations

import re
import time
from functools import lru_cache

from lbtwist.model.access import NOT_REACHED, Access, End
from lbtwist.service.access_log.json_line import MAX_TARGET

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
    times = "/".join(map(_ms, (record.head, record.queue, record.connect, record.response, record.total)))
    return (
        f"{_begin(record)} {times} {record.status or -1} {record.sent} - - {states(record)}--"
        f' {_counts(record)} "{_request(record)}"\n'
    )


def _tcp(record: Access) -> str:
    times = "/".join(map(_ms, (record.queue, record.connect, record.total)))
    return f"{_begin(record)} {times} {record.sent} {states(record)} {_counts(record)}\n"


def _begin(record: Access) -> str:
    second = int(record.time)
    client = record.client.replace("[", "").replace("]", "")
    server = record.server or f"{record.group or record.listener}/{NO_SERVER}"
    milliseconds = int((record.time - second) * 1000)
    return f"{encoded(client)} [{_second(second)}.{milliseconds:03}] {record.listener} {_word(server)}"


def _counts(record: Access) -> str:
    """Connections of the process, the frontend, the backend and the server, retries, and the queues."""
    ours, servers = record.connections, record.at_server
    return f"{ours}/{ours}/{servers}/{servers}/{record.retries} 0/{record.queued}"


def _request(record: Access) -> str:
    if not record.method:
        return BAD_REQUEST
    target = record.target[:MAX_TARGET].decode("latin-1")
    method, version = record.method.decode("latin-1"), record.version.decode("latin-1")
    return encoded(f"{method} {target} HTTP/{version}")


def encoded(text: str) -> str:
    """What could end a field or a line is written in hexadecimal."""
    return _ENCODED.sub(_hexadecimal, text)


def _hexadecimal(found: re.Match[str]) -> str:
    character = found[0]
    coded = character.encode("latin-1" if character <= "\xff" else "utf-8")
    return "".join(f"#{byte:02X}" for byte in coded)


def _word(text: str) -> str:
    """A name of our own, in one field; its # is that of the registration's number."""
    return text if _WORD.fullmatch(text) else encoded(text).replace(" ", "#20")


def _ms(seconds: float) -> str:
    return "-1" if seconds == NOT_REACHED else str(int(seconds * 1000))


@lru_cache(64)
def _second(second: int) -> str:
    """Local time, as haproxy has it."""
    return time.strftime("%d/%b/%Y:%H:%M:%S", time.localtime(second))
