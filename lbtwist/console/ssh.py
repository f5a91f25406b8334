"""The SSH server under the console: restricted algorithms, bounded, and quiet in the log.

`twisted.conch.ssh.userauth` imports the reactor, so only the console's service imports this.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_PROTOCOL_ERROR,
    DISCONNECT_TOO_MANY_CONNECTIONS,
    SSHServerTransport,
)
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.console.channels import Channels
from lbtwist.console.desk import Desk
from lbtwist.console.doorkeeper import Doorkeeper
from lbtwist.console.keys import SIGNATURES, RoleChecker, RoleFiles
from lbtwist.console.login import LOGIN_GRACE, KeyLogin, Realm
from lbtwist.console.quiet import quietly
from lbtwist.console.text import escape

MAX_UNKNOWN = 20
"""Connections that haven't logged in; one more closes the oldest of them (sshd's MaxStartups: 100)."""
CLOSING_TIME = 1.0
"""Seconds that a client has to read what was sent when the console closes."""

_KEY_EXCHANGES = (b"mlkem768x25519-sha256", b"curve25519-sha256", b"curve25519-sha256@libssh.org")
_USERAUTH, _CONNECTION = b"ssh-userauth", b"ssh-connection"

log = Logger()


@implementer(IPushProducer)
class ConsoleTransport(SSHServerTransport, TimeoutMixin):
    """One client's connection. What it does wrong ends it, and makes one line in the log.

    It is the producer of its own output: while that is not read, nothing is read from the client, so
    what a client can make us keep is bounded.
    """

    factory: ConsoleFactory
    transport: Any
    # The algorithms that ssh-audit passes; no ECDH on NIST curves, CBC, MD5, SHA-1 or compression.
    supportedKeyExchanges = [kex for kex in SSHServerTransport.supportedKeyExchanges if kex in _KEY_EXCHANGES]
    supportedCiphers = [b"aes256-ctr", b"aes192-ctr", b"aes128-ctr"]
    supportedMACs = [b"hmac-sha2-512", b"hmac-sha2-256"]
    supportedPublicKeys = [b"ssh-ed25519"]
    supportedCompressions = [b"none"]
    _log = Logger(observer=quietly)
    _closing = False
    _aborting: IDelayedCall | None = None

    @property
    def known(self) -> bool:
        """Whether someone has logged in."""
        return hasattr(self, "avatar")

    @property
    def source(self) -> str:
        """The client's address."""
        peer = self.transport.getPeer()
        return f"{peer.host}:{peer.port}" if hasattr(peer, "port") else "a local socket"

    def callLater(self, period: float, func: Any) -> IDelayedCall:
        return self.factory.desk.reactor.callLater(period, func)

    def connectionMade(self) -> None:
        self.factory.came(self)
        if hasattr(self.transport, "setTcpKeepAlive"):
            self.transport.setTcpKeepAlive(1)
        self.transport.registerProducer(self, True)
        self.setTimeout(LOGIN_GRACE)
        super().connectionMade()

    def logged_in(self) -> None:
        """From now on the idle timeout holds."""
        operator: Any = self.avatar
        operator.came_from(self.source)
        self.factory.door.logged_in(self.transport.getPeer())
        log.info("console: {who} logged in from {source}", who=operator.caller.name, source=self.source)
        self.factory.desk.events.add("login", "", f"from {self.source}", operator.caller.name)
        self.setTimeout(self.factory.idle_timeout)

    def timeoutConnection(self) -> None:
        """Too long without a login, or idle. Who waits for a verb is not idle."""
        if isinstance(self.service, Channels) and self.service.busy:
            self.setTimeout(self.timeOut)
        else:
            self.close(b"idle for too long" if self.known else b"no login in time")

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            super().dataReceived(data)
        except Exception as error:  # Conch raises whatever comes of a malformed packet
            if self.known:
                log.failure("console: a session failed, its connection is cut")
            else:
                what = f"{type(error).__name__}: {error}"
                log.info(
                    "console: {source} does not speak SSH: {what}", source=self.source, what=escape(what)
                )
            self._closing = True
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.setTimeout(None)
        if self._aborting is not None:
            self._aborting.cancel()
        if not self.known and isinstance(self.service, KeyLogin) and self.service.loginAttempts:
            self.factory.door.failed(self.transport.getPeer())
        super().connectionLost(reason)
        self.factory.gone(self)

    def see_off(self, why: bytes) -> None:
        """End the connection; a client that has its whole answer has a moment to leave by itself. OpenSSH's
        would fail with 255 at a disconnect, whatever the exit status was that came before."""
        if isinstance(self.service, Channels) and self.service.finished:
            self._abort_later()
        else:
            self.close(why)

    def close(self, why: bytes, code: int = DISCONNECT_BY_APPLICATION) -> None:
        """End the connection, by force if the client does not take what was sent."""
        if not self._closing:
            self.sendDisconnect(code, why)

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        self._closing = True
        self.transport.unregisterProducer()
        super().sendDisconnect(reason, desc)
        self._abort_later()

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        self.transport.unregisterProducer()
        super().ssh_DISCONNECT(packet)

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """A client that takes its leave is no error."""
        if reasonCode != DISCONNECT_BY_APPLICATION:
            text = escape(description.decode("utf-8", "replace"))
            log.info(
                "console: {source} left: {text} ({code})", source=self.source, text=text, code=reasonCode
            )

    def sendExtInfo(self, extensions: object) -> None:
        """RFC 8308, section 3.1. Conch names the host key's algorithms, which locks RSA keys out."""
        super().sendExtInfo([(b"server-sig-algs", b",".join(SIGNATURES))])

    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        """RFC 4253, section 10: once, encrypted, and before a login only to log in."""
        if self.service is not None or not self.isEncrypted("both"):
            self.close(b"no service now", DISCONNECT_PROTOCOL_ERROR)
        else:
            super().ssh_SERVICE_REQUEST(packet)

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost."""

    def _abort_later(self) -> None:
        if self._aborting is None:
            self._aborting = self.callLater(CLOSING_TIME, self._abort)

    def _abort(self) -> None:
        self._aborting = None
        self.transport.abortConnection()


class ConsoleFactory(SSHFactory):
    """Makes the connections and keeps their number bounded. `idle_timeout` is in seconds."""

    protocol = ConsoleTransport
    noisy = False

    def __init__(
        self, desk: Desk, host_key: Key, files: RoleFiles, idle_timeout: float, max_sessions: int
    ) -> None:
        self.desk = desk
        self.door = Doorkeeper(desk.reactor)
        self.idle_timeout = idle_timeout
        self.publicKeys = {b"ssh-ed25519": host_key.public()}
        self.privateKeys = {b"ssh-ed25519": host_key}
        self.portal = Portal(Realm(desk), [RoleChecker(files)])
        self._max_sessions = max_sessions
        self._connections: dict[ConsoleTransport, None] = {}  # in the order they came
        self._empty: Deferred[None] | None = None

    def buildProtocol(  # type: ignore[override]  # as IProtocolFactory has it
        self, addr: IAddress | None
    ) -> ConsoleTransport | None:
        """None, which closes the connection, for a source that comes too often."""
        if not self.door.admits(addr):
            return None
        transport = ConsoleTransport()
        transport.factory = self
        return transport

    def getService(
        self, transport: ConsoleTransport, service: bytes
    ) -> type[KeyLogin] | type[Channels] | None:
        if service == _USERAUTH and not transport.known:
            return KeyLogin
        if service != _CONNECTION or not transport.known:
            return None
        if sum(connection.known for connection in self._connections) > self._max_sessions:
            log.warn(
                "console: {source} refused, {most} are logged in",
                source=transport.source,
                most=self._max_sessions,
            )
            transport.close(b"too many are logged in", DISCONNECT_TOO_MANY_CONNECTIONS)
            return None
        return Channels

    def came(self, transport: ConsoleTransport) -> None:
        """A connection was accepted; one too many that are not logged in costs the oldest of them."""
        unknown = [connection for connection in self._connections if not connection.known]
        if len(unknown) >= MAX_UNKNOWN:
            unknown[0].transport.abortConnection()
        self._connections[transport] = None

    def gone(self, transport: ConsoleTransport) -> None:
        """A connection has ended."""
        self._connections.pop(transport, None)
        if self._empty is not None and not self._connections:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def close(self) -> Deferred[None]:
        """End all connections; fires when they have ended. What was begun goes on."""
        if not self._connections:
            return succeed(None)
        self._empty = Deferred()
        empty = self._empty
        for connection in list(self._connections):
            connection.see_off(b"the console closes")
        return empty
