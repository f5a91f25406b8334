"""One line in the log for whatever an operator changes, and for each line of Python."""

from __future__ import annotations

import re

from twisted.logger import Logger

from lbtwist.console.text import escape
from lbtwist.service.verbs.verb import Caller

log = Logger()

_SECRET = re.compile(r"(?i)([\w.]*(?:secret|password|token)[\w.]*\W+)\S+")


def record(caller: Caller, what: str, result: str) -> None:
    """Log who did what, from where, and how it ended; control characters are escaped, secrets left out."""
    log.info(
        "console: {who} from {source}: {what}: {result}",
        who=escape(caller.name),
        source=escape(caller.source),
        what=_shown(what),
        result=_shown(result),
    )


def _shown(text: str) -> str:
    return escape(_SECRET.sub(r"\1***", text))
