"""What Conch logs of a session, made quiet."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer


@implementer(ILogObserver)
def quietly(event: LogEvent) -> None:
    """What Conch logs: not each step of a session, and what a client did wrong is no error of ours."""
    if event["log_level"] is LogLevel.error and "log_failure" not in event:
        event["log_level"] = LogLevel.info
    elif event["log_level"] < LogLevel.warn:
        return
    globalLogPublisher(event)
