"""One line in the log for whatever an operator changes, and for each line of Python."""

from __future__ import annotations

import re

from twisted.logger import Logger

from lbtwist.console.text import escape
from lbtwist.service.verbs.verb import Caller

log = Logger()

_QUOTED = r'"(?:[^"\\]|\\.)*"?|' + r"'(?:[^'\\]|\\.)*'?"
_SECRET = re.compile(
    rf"(?i)((?:secret|password|passphrase|token)s?\b[\"'\])]{{0,4}}[\s:=(,]+)(?:{_QUOTED}|\S+)"
)


def hide_secrets(text: str) -> str:
    """`text` with what seems to be the value of a secret, a password or a token left out."""
    return _SECRET.sub(r"\1***", text)


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
    return escape(hide_secrets(text))
