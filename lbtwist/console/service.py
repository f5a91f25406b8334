"""The console as a service: it opens its endpoint, and closes its sessions when it stops."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from lbtwist.console.completion import INames
from lbtwist.console.desk import Desk
from lbtwist.console.history import Histories
from lbtwist.console.hostkey import load_host_key
from lbtwist.console.keys import RoleFiles, fingerprint
from lbtwist.console.ssh import ConsoleFactory
from lbtwist.model.endpoint import Endpoint
from lbtwist.net.opening import open_face
from lbtwist.net.sockaddr import shown
from lbtwist.service.events import Events
from lbtwist.service.verbs.verb import Role, Verb

PRIVILEGED = range(1, 1024)

log = Logger()


class IConsoleSettings(Protocol):
    """What the console takes from a configuration's `[console]`."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def admin_keys(self) -> Path | str | None: ...

    @property
    def operate_keys(self) -> Path | str | None: ...

    @property
    def read_keys(self) -> Path | str | None: ...

    @property
    def host_key(self) -> Path | str: ...

    @property
    def idle_timeout(self) -> float:
        """Seconds."""

    @property
    def max_sessions(self) -> int: ...


class ConsoleService(Service):
    """`ssh -p 2222 host`. `namespace` is what an admin's Python has beside `lb`, `app` and `reactor` say.

    Starting it raises BindError where the endpoint can't be opened, and ConfigurationError where the
    host key can't be had, so that the whole start fails.
    """

    name = "console"

    def __init__(
        self,
        settings: IConsoleSettings,
        verbs: Mapping[str, Verb],
        balancer: object,
        names: INames,
        reactor: Any,
        namespace: Mapping[str, Any] | None = None,
        events: Events | None = None,
        histories: Path | None = None,
    ) -> None:
        """`histories` is the directory where what was entered at the prompt is kept; None keeps nothing."""
        self._settings = settings
        self._reactor = reactor
        self._desk = Desk(
            verbs,
            balancer,
            names,
            reactor,
            dict(namespace or {}),
            events or Events(),
            Histories(histories),
        )
        self._key: Key | None = None
        self._factory: ConsoleFactory | None = None
        self._port: IListeningPort | None = None

    @property
    def fingerprint(self) -> str:
        """The host key's, as a client shows it; empty before the start."""
        return fingerprint(self._key.public().blob()) if self._key is not None else ""

    @property
    def address(self) -> Any:
        """Where it listens; None while it doesn't."""
        return self._port.getHost() if self._port is not None else None

    def privilegedStartService(self) -> None:
        if self._settings.endpoint.port in PRIVILEGED:
            self._open()

    def startService(self) -> None:
        self._open()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening and close the sessions; fires when they have ended. What was begun goes on."""
        super().stopService()
        port, self._port = self._port, None
        factory, self._factory = self._factory, None
        stopped = maybeDeferred(port.stopListening) if port is not None else maybeDeferred(lambda: None)
        return stopped.addCallback(lambda _: factory.close() if factory is not None else None)

    def _open(self) -> None:
        if self._port is not None:
            return
        self._key = load_host_key(Path(self._settings.host_key))
        settings = self._settings
        files = RoleFiles(self._paths())
        files.read()
        self._factory = ConsoleFactory(
            self._desk, self._key, files, settings.idle_timeout, settings.max_sessions
        )
        self._port = open_face("console", settings.endpoint, self._factory, self._reactor)
        log.info(
            "console: on {endpoint}, host key {key}",
            endpoint=shown(self._port.getHost()),
            key=self.fingerprint,
        )

    def _paths(self) -> dict[Role, Path]:
        files = {
            Role.READ: self._settings.read_keys,
            Role.OPERATE: self._settings.operate_keys,
            Role.ADMIN: self._settings.admin_keys,
        }
        return {role: Path(path) for role, path in files.items() if path is not None}
