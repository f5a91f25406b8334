"""A listener: an endpoint that accepts for a server group, until it is retired."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from lbtwist.interfaces import IDataPlane
from lbtwist.model.config import ListenerSettings, RuleSettings
from lbtwist.model.drain import Because, Cause
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.model.name_rule import NameRule
from lbtwist.model.plane import ListenerPolicy, Scope
from lbtwist.model.receipt import Receipt
from lbtwist.model.routing import Rule
from lbtwist.model.token_bucket import Rate
from lbtwist.service.draining import Drains


class Listener(Service):
    """One stay of a listener at one endpoint, with a number of its own.

    It binds in `privilegedStartService`, so that ports below 1024 are taken before privileges are
    dropped, and accepts from `startService` on.
    """

    log = Logger()
    name: str

    def __init__(
        self,
        number: int,
        name: str,
        settings: ListenerSettings,
        plane: IDataPlane,
        drains: Drains,
        proxy_name: Callable[[], str],
        tls: ListenerTLS | None = None,
    ) -> None:
        """`proxy_name` is what the load balancer is called at present, `tls` what the files of the settings
        hold."""
        self.number = number
        self.name = name
        self.settings = settings
        self.tls = tls
        self.accepting = False
        self.disabled = False
        """An operator wants it to accept nothing."""
        self.because = Because("")
        """Who disabled it, and why."""
        self.serving: Deferred[None] = succeed(None)
        """Fires when it accepts, or has failed to and said so."""
        self._bound = False
        self._plane = plane
        self._drains = drains
        self._proxy_name = proxy_name

    @property
    def scope(self) -> Scope:
        return Scope.listener(self.number)

    @property
    def state(self) -> str:
        """In one word."""
        if self.disabled:
            return "disabled"
        return "listening" if self.accepting else "closed"

    @property
    def address(self) -> str:
        """Where it listens, as shown; what was asked for while it does not."""
        return self._plane.address(self.number) or str(self.settings.endpoint)

    def bind(self) -> None:
        """Take the endpoint. Raises BindError."""
        if not self._bound:
            self._plane.bind(self.number, self.settings.endpoint)
            self._bound = True

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        if not self.disabled:
            self.bind()

    def startService(self) -> None:
        super().startService()
        if self.disabled:
            return
        self.bind()
        self.accepting = True
        self.serving = self._plane.serve(self._policy()).addCallbacks(self._serves, self._failed)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self.stop_accepting()

    def reconfigure(self, settings: ListenerSettings, tls: ListenerTLS | None = None) -> None:
        """Other limits, groups, rules or certificates from now on, at the same endpoint; no connection is
        touched (rule 73)."""
        self.settings = settings
        self.tls = tls
        if not self.disabled:
            self._plane.serve(self._policy())

    def stop_accepting(self) -> Deferred[None]:
        """Take nothing new; what is in the backlog is accepted first. Connections go on."""
        self.accepting = self._bound = False
        return self._plane.stop_accepting(self.number)

    def retire(self, because: Because, timeout: float) -> Deferred[None]:
        """Stop accepting, and drain its connections like a server's (rule 72).

        Fires when the endpoint is free; the drain may go on for `timeout` seconds.
        """
        return self.stop_accepting().addCallback(lambda _: self._drain(because, timeout))

    def _drain(self, because: Because, timeout: float) -> None:
        subject = f"listener {self.name}"
        drain = self._drains.open(subject, self.scope, Cause.REMOVAL, because, timeout, self._retired)
        drain.begin()

    def _retired(self, receipt: Receipt) -> None:
        self._plane.forget(self.scope)

    def _policy(self) -> ListenerPolicy:
        settings = self.settings
        return ListenerPolicy(
            number=self.number,
            name=self.name,
            group=settings.server_group,
            protocol=settings.protocol,
            idle_timeout=settings.idle_timeout,
            connect_timeout=settings.connect_timeout,
            max_connections=settings.max_connections,
            request_timeout=settings.request_timeout,
            header_timeout=settings.header_timeout,
            tunnel_timeout=settings.tunnel_timeout,
            proxy_name=self._proxy_name().encode(),
            proxy_protocol=settings.proxy_protocol,
            trusted_proxies=settings.trusted_proxies,
            allow=settings.allow,
            deny=settings.deny,
            max_connections_per_client=settings.max_connections_per_client,
            client_rate=Rate(settings.rate.per_client, settings.rate.per_client_burst),
            total_rate=Rate(settings.rate.total, settings.rate.total_burst),
            rules=rules_of(settings),
            name_rules=name_rules_of(settings),
            hello_timeout=settings.hello_timeout,
            tls=self.tls,
            handshake_timeout=settings.handshake_timeout,
        )

    def _serves(self, _: None) -> None:
        self.log.info("listener {name} accepts on {address}", name=self.name, address=self.address)

    def _failed(self, failure: object) -> None:
        self.accepting = False
        self.log.error("listener {name} does not listen: {failure}", name=self.name, failure=failure)


def rules_of(settings: ListenerSettings) -> tuple[Rule, ...]:
    """The rules of a listener on requests, as they are matched."""
    return tuple(map(_rule, settings.rules)) if settings.speaks_http else ()


def name_rules_of(settings: ListenerSettings) -> tuple[NameRule, ...]:
    """Those on ClientHellos."""
    return tuple(map(_name_rule, settings.rules)) if settings.protocol == "tcp" else ()


def _name_rule(settings: RuleSettings) -> NameRule:
    return NameRule(
        server_name=(settings.server_name or "").encode(),
        alpn=tuple(name.encode() for name in settings.alpn or ()),
        group=settings.server_group or "",
    )


def _rule(settings: RuleSettings) -> Rule:
    return Rule(
        host=(settings.host or "").encode(),
        path_prefix=(settings.path_prefix or "").encode(),
        group=settings.server_group or "",
        redirect=(settings.redirect or "").encode(),
        respond=settings.respond.status if settings.respond else 0,
    )
