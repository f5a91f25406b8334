"""Logging in by public key, and who is then logged in.

`twisted.conch.ssh.userauth` imports the reactor, so only the console's service comes here.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import IRealm
from twisted.logger import Logger
from zope.interface import implementer

from lbtwist.console.desk import Desk
from lbtwist.console.keys import Identity
from lbtwist.console.quiet import quietly
from lbtwist.console.session import SessionChannel
from lbtwist.service.verbs.verb import Caller

LOGIN_GRACE = 30.0
"""Seconds from the accept to the login; sshd's LoginGraceTime is 120."""
MAX_ATTEMPTS = 6
"""Keys that a client may try, as sshd's MaxAuthTries."""


class KeyLogin(SSHUserAuthServer):
    """Login by public key, with few attempts and little time."""

    attemptsBeforeDisconnect = MAX_ATTEMPTS - 1
    loginTimeout = LOGIN_GRACE  # type: ignore[assignment]
    transport: Any
    _log = Logger(observer=quietly)

    def serviceStarted(self) -> None:
        self.clock = self.transport.factory.desk.reactor
        super().serviceStarted()


class Operator(ConchUser):
    """Who is logged in."""

    def __init__(self, desk: Desk, identity: Identity) -> None:
        super().__init__()
        self.desk = desk
        self.identity = identity
        self.caller = Caller(identity.name, role=identity.role)
        self.channelLookup = {b"session": SessionChannel}

    def came_from(self, source: str) -> None:
        self.caller = Caller(self.identity.name, source, self.identity.role)

    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        """Nothing is forwarded; a keepalive is answered by any answer."""
        return 0


@implementer(IRealm)
class Realm:
    """Makes an Operator of an Identity."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Any:
        return IConchUser, Operator(self._desk, avatarId), lambda: None
