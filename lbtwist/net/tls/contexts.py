"""What a listener's TLS is made of: a context of OpenSSL for each certificate, chosen by the server name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from lbtwist.model.listener_tls import ClientAuth, ListenerTLS
from lbtwist.model.name_table import NameTable
from lbtwist.net.tls.groups import choose_groups
from lbtwist.net.tls.key_pair import BadPEM, Identity, read_certificates

SESSION_TIMEOUT = 3600
"""Seconds that a session may be resumed."""

_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_VERIFY = {
    ClientAuth.OPTIONAL: SSL.VERIFY_PEER,
    ClientAuth.REQUIRE: SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}


class Unfit(ValueError):
    """What can't be used: the certificate of that index, or `client_ca` where there is none."""

    def __init__(self, index: int | None, reason: str, *, of_key: bool = False) -> None:
        super().__init__(reason)
        self.index = index
        self.of_key = of_key


@implementer(IOpenSSLServerConnectionCreator)
class Contexts:
    """Never changed: connections refer to them. `contexts_of` has them made once for the same files and
    settings, for hundreds of certificates take tenths of a second."""

    def __init__(self, tls: ListenerTLS) -> None:
        """Raises Unfit."""
        group = os.urandom(32)
        identities = [_identity(tls, index) for index in range(len(tls.certificates))]
        self._contexts = [_context(tls, index, each, group) for index, each in enumerate(identities)]
        self._table = NameTable([each.names for each in identities])
        # A connection begins with the first, and has another one from its ClientHello on.
        self._contexts[0].set_tlsext_servername_callback(self._choose)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The server's side of a handshake to come."""
        return SSL.Connection(self._contexts[0], None)

    def _choose(self, connection: SSL.Connection) -> None:
        """The client has told a name, or none."""
        name = connection.get_servername()
        chosen = self._table.find(name.decode("latin-1")) if name else 0
        if chosen:
            connection.set_context(self._contexts[chosen])


_MADE: WeakKeyDictionary[ListenerTLS, Contexts] = WeakKeyDictionary()
"""Those that are judged are served next. Nothing in them refers to the key: they go with it."""


def contexts_of(tls: ListenerTLS) -> Contexts:
    """Those of `tls`, as long as one like it lives. Raises Unfit."""
    contexts = _MADE.get(tls)
    if contexts is None:
        contexts = _MADE[tls] = Contexts(tls)
    return contexts


def _identity(tls: ListenerTLS, index: int) -> Identity:
    try:
        pair = tls.certificates[index]
        return Identity(pair.certificate, pair.key)
    except BadPEM as bad:
        raise Unfit(index, str(bad), of_key=bad.of_key) from None


def _context(tls: ListenerTLS, index: int, identity: Identity, group: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_min_proto_version(_VERSIONS[tls.min_version])
    context.set_cipher_list(":".join(tls.ciphers).encode())
    context.set_tls13_ciphersuites(":".join(tls.cipher_suites).encode())
    choose_groups(context)
    if tls.alpn:
        context.set_alpn_select_callback(_speaking(tls.alpn))
    _have_sessions(context, tls, group)
    if tls.client_auth is not ClientAuth.NONE:
        _ask_clients(context, tls)
    try:
        identity.identify(context)
    except BadPEM as bad:
        raise Unfit(index, str(bad)) from None
    return context


def _have_sessions(context: SSL.Context, tls: ListenerTLS, group: bytes) -> None:
    """A resumed session shows no certificate. So who has to show one has no session: it would be known under
    another name by what it proved for the first."""
    context.set_session_id(group)
    context.set_timeout(SESSION_TIMEOUT)
    if tls.client_auth is not ClientAuth.NONE:
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)


def _ask_clients(context: SSL.Context, tls: ListenerTLS) -> None:
    store = context.get_cert_store()
    assert store is not None
    try:
        authorities = read_certificates(tls.client_ca)
    except BadPEM as bad:
        raise Unfit(None, str(bad)) from None
    for each in authorities:
        store.add_cert(X509.from_cryptography(each))
        context.add_client_ca(each)
    context.set_verify(_VERIFY[tls.client_auth])


def _speaking(alpn: Sequence[bytes]) -> Callable[[SSL.Connection, list[bytes]], Any]:
    def choose(connection: SSL.Connection, offered: list[bytes]) -> Any:
        """Who offers others alone gets no answer about them, and may go on (RFC 7301 would have it end)."""
        return next((name for name in alpn if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

    return choose
