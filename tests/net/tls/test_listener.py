"""A listener whose clients speak TLS: handshakes, certificates by name, sessions, and how it ends."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.address import IPv4Address

from lbtwist.model.listener_tls import CIPHER_SUITES, CIPHERS, ClientAuth, ListenerTLS
from lbtwist.model.plane import EVERYTHING
from lbtwist.net.tls.contexts import Contexts, Unfit, contexts_of
from tests.certificates import Issued, authority, issue
from tests.net.bench import WEB, Bench, closed
from tests.net.fakes import Wire
from tests.net.recorder import HalfCloseable
from tests.net.secure_world import Client, listener_tls, ours, site
from tests.wire.hellos import KEY_SHARE, hello

OTHERS = authority("another")


class TLSBench(Bench):
    """One tls listener and one server."""

    def __init__(self, tls: ListenerTLS | None = None, **keys: Any) -> None:
        super().__init__(**keys)
        self.tls = tls or listener_tls()
        self.listen(protocol="tls", tls=self.tls)
        self.servers(1)

    def greet(self, client: Client | None = None, listener: int = WEB) -> Any:
        """A client's end, which has said hello, and what followed."""
        end = HalfCloseable()
        factory = self.by_listener[listener].factory
        assert factory is not None
        wire = Wire(self.clock, self.chunk, self.capacity)
        wire.server._peer = IPv4Address("TCP", "192.0.2.1", next(self._clients))
        wire.accept(factory, (client or Client()).under(end))
        self.settle()
        return end

    def pair(self, client: Client | None = None) -> tuple[Any, Any]:
        """A client and the server that it is connected to."""
        near = self.greet(client)
        return near, self.accepted[1][-1]

    @property
    def refused(self) -> dict[str, int]:
        return dict(self.plane.figures().listeners[WEB].refused)

    @property
    def arrivals(self) -> int:
        return len(self.plane._frontends[WEB].arrivals)


@pytest.fixture
def bench() -> TLSBench:
    return TLSBench()


def names(end: Any) -> list[str]:
    """Those of the certificate that a client was shown."""
    shown: x509.Certificate = end.transport.getPeerCertificate().to_cryptography()
    told = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return told.get_values_for_type(x509.DNSName)


def reused(end: Any) -> bool:
    """Whether its handshake has resumed a session, which pyOpenSSL does not tell."""
    lib = cast(Any, SSL)._lib
    return bool(lib.SSL_session_reused(end.transport.getHandle()._ssl))


def lower(end: Any) -> Any:
    """What is below a client's TLS."""
    return end.transport.transport


# Handshakes.


@pytest.mark.parametrize("chunk", [1, 7, 64 * 1024])
def test_bytes_go_both_ways_however_they_are_cut(chunk: int) -> None:
    bench = TLSBench(chunk=chunk)
    near, far = bench.pair()
    near.transport.write(b"question")
    far.transport.write(b"answer")
    bench.settle()
    assert (bytes(far.received), bytes(near.received)) == (b"question", b"answer")
    assert bench.view().protocol == "tls"
    assert (bench.tally().live, bench.tally().received, bench.tally().sent) == (1, 8, 6)


def test_what_comes_with_the_end_of_the_handshake_waits_for_the_server() -> None:
    bench = TLSBench()
    bench.serve(1, after=1.0)
    client, end = Client(), HalfCloseable(made=lambda made: made.transport.write(b"early"))
    factory = bench.by_listener[WEB].factory
    assert factory is not None
    Wire(bench.clock).accept(factory, client.under(end))
    bench.settle()
    end.transport.write(b" and late")
    bench.pass_time(1.1)
    assert bytes(bench.accepted[1][0].received) == b"early and late"


def test_nobody_is_connected_to_a_server_before_the_handshake_is_done(bench: TLSBench) -> None:
    bench.client()
    bench.settle()
    assert (bench.accepted[1], bench.tally().live, bench.arrivals) == ([], 0, 1)


def test_who_takes_too_long_is_closed(bench: TLSBench) -> None:
    bench.listen(protocol="tls", tls=bench.tls, handshake_timeout=3.0)
    client = bench.client()
    bench.pass_time(2.9)
    assert (closed(client), bench.arrivals) == ("", 1)
    bench.pass_time(0.3)
    assert (closed(client), bench.arrivals) == ("reset", 0)
    assert (bench.refused, bench.tally().failed) == ({"too_slow": 1}, 1)


def test_who_drips_a_hello_is_closed_too(bench: TLSBench) -> None:
    client = bench.client()
    for _ in range(24):
        client.transport.write(b"\x16")
        bench.pass_time(0.5)
    assert (closed(client), bench.arrivals) == ("reset", 0)


def _with(change: Callable[[SSL.Context], object], **keys: Any) -> Client:
    client = Client(**keys)
    change(client.context)
    return client


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.set_max_proto_version(SSL.TLS1_1_VERSION), "tls_too_old"),
        (
            lambda c: (c.set_max_proto_version(SSL.TLS1_2_VERSION), c.set_cipher_list(b"AES128-GCM-SHA256")),
            "tls_no_cipher",
        ),
    ],
)
def test_handshakes_that_fail_are_counted_by_the_reason(
    change: Callable[[SSL.Context], object], reason: str, bench: TLSBench
) -> None:
    client = _with(lambda c: c.set_cipher_list(b"ALL:@SECLEVEL=0"))
    change(client.context)
    near = bench.greet(client)
    assert (bench.refused, bench.arrivals, bench.tally().failed) == ({reason: 1}, 0, 1)
    assert isinstance(near.reason.value, SSL.Error), "the alert has come"
    assert bench.accepted[1] == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "no_tls"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no_tls"),
        (b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", "bad_handshake"),
    ],
)
def test_who_speaks_something_else_is_closed(said: bytes, reason: str, bench: TLSBench) -> None:
    client = bench.client()
    client.transport.write(said)
    bench.settle()
    assert (closed(client), bench.refused, bench.arrivals) == ("fin", {reason: 1}, 0)


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01\x40\x00\x01\x00\x40\x01", b"\x16\x03\x01\x00\x03\x01\x00\x00\x16"],
    ids=["16 KiB and one", "a record without a length"],
)
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_hello_that_will_be_too_large_is_not_waited_for(said: bytes, chunk: int) -> None:
    bench = TLSBench(chunk=chunk)
    client = bench.client()
    client.transport.write(said)
    bench.settle()
    assert (closed(client), bench.refused, bench.arrivals) == ("reset", {"hello_too_large": 1}, 0)


def _groups(*names: str) -> Callable[[SSL.Context], object]:
    """Those that a client offers, the first with a key share; pyOpenSSL can say one alone."""
    lib = cast(Any, SSL)._lib
    listed = ":".join(names).encode()
    return lambda context: lib.SSL_CTX_set1_curves_list(cast(Any, context)._context, listed)


@pytest.mark.parametrize("chunk", [1, 100, 64 * 1024])
def test_who_has_guessed_another_group_says_hello_again(chunk: int) -> None:
    bench = TLSBench(chunk=chunk)
    near, far = bench.pair(_with(_groups("P-521", "P-256")))
    near.transport.write(b"question")
    bench.settle()
    assert (bytes(far.received), bench.refused) == (b"question", {})


@pytest.mark.parametrize("chunk", [1, 100, 64 * 1024])
def test_the_second_hello_is_bounded_as_the_first_is(chunk: int) -> None:
    bench = TLSBench(chunk=chunk)
    client = bench.client()
    offers = hello(
        (43, b"\2\3\4"),  # TLS 1.3
        (10, b"\0\2\0\x17"),  # P-256, of which there is
        (KEY_SHARE, b"\0\0"),  # no key
        (13, b"\0\2\4\3"),
    )
    client.transport.write(offers)
    bench.settle()
    assert client.received[:1] == b"\x16", "it is asked for another"
    client.transport.write(b"\x14\3\3\0\1\1" + b"\x16\3\3\x40\0" + b"\1\0\x40\1")
    bench.settle()
    assert (closed(client), bench.refused, bench.arrivals) == ("reset", {"hello_too_large": 1}, 0)


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize(
    ("certificates", "refused"), [(50, {}), (180, {"handshake_too_large": 1})], ids=["20 KB", "72 KB"]
)
def test_all_of_a_handshake_is_bounded(certificates: int, refused: dict[str, int], newest: int) -> None:
    bench = TLSBench(asking(ClientAuth.REQUIRE))
    client = _with(lambda context: context.set_max_proto_version(newest), shows=issue(ours(), ["client"]))
    for _ in range(certificates):
        client.context.add_extra_chain_cert(X509.from_cryptography(ours().certificate))
    bench.greet(client)
    assert (bench.refused, bench.arrivals) == (refused, 0)


def test_what_comes_with_the_end_of_a_handshake_is_not_of_it() -> None:
    bench = TLSBench(chunk=256 * 1024, capacity=256 * 1024)
    end = HalfCloseable(made=lambda made: made.transport.write(bytes(150_000)))
    factory = bench.by_listener[WEB].factory
    assert factory is not None
    Wire(bench.clock, 256 * 1024, 256 * 1024).accept(factory, Client().under(end))
    bench.settle()
    assert (bench.accepted[1][0].count, bench.refused) == (150_000, {})


def test_a_client_that_does_not_believe_the_certificate_is_counted() -> None:
    bench = TLSBench(listener_tls(issue(OTHERS, ["example.com"])))
    near = bench.greet()
    assert (bench.refused, bench.arrivals) == ({"tls_refused_by_client": 1}, 0)
    assert closed(near) == "reset"


@pytest.mark.parametrize("ending", ["loseConnection", "abortConnection"])
def test_who_goes_in_the_handshake_leaves_nothing_behind(ending: str, bench: TLSBench) -> None:
    client = bench.client()
    client.transport.write(b"\x16\x03\x01")
    bench.settle()
    getattr(client.transport, ending)()
    bench.settle()
    assert (bench.arrivals, bench.tally().failed) == (0, 1)
    bench.pass_time(0.2)
    assert bench.timers == 0


def test_rule_71_a_listener_that_leaves_gives_handshakes_a_moment(bench: TLSBench) -> None:
    slow = bench.client()
    bench.settle()
    bench.plane.stop_accepting(WEB)
    bench.pass_time(0.8)
    assert closed(slow) == ""
    bench.pass_time(0.4)
    assert closed(slow) == "reset"


def test_a_cut_of_all_cuts_handshakes(bench: TLSBench) -> None:
    client = bench.client()
    bench.settle()
    bench.plane.cut(EVERYTHING)
    bench.settle()
    assert (closed(client), bench.refused) == ("reset", {"cut": 1})


def test_a_full_listener_has_no_handshakes(bench: TLSBench) -> None:
    bench.listen(protocol="tls", tls=bench.tls, max_connections=1)
    bench.greet()
    second = bench.client()
    bench.settle()
    assert closed(second) == "fin"
    assert (bench.arrivals, bench.tally().live) == (0, 1)


# Certificates.


def sites() -> ListenerTLS:
    told = (["first.test"], ["*.b.test"], ["x.b.test", "c.test"])
    return listener_tls(*(issue(ours(), each) for each in told))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("first.test", ["first.test"]),
        ("www.b.test", ["*.b.test"]),
        ("X.B.test", ["x.b.test", "c.test"]),
        ("c.test", ["x.b.test", "c.test"]),
        ("a.www.b.test", ["first.test"]),
        ("unknown.test", ["first.test"]),
        ("", ["first.test"]),
    ],
)
@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_the_certificate_is_chosen_by_the_name(name: str, shown: list[str], newest: int) -> None:
    bench = TLSBench(sites())
    near = bench.greet(_with(lambda context: context.set_max_proto_version(newest), name=name))
    assert names(near) == shown


def test_a_certificate_without_names_of_hosts_has_its_common_name() -> None:
    bench = TLSBench(listener_tls(site(), issue(ours(), ["192.0.2.7"])))
    assert names(bench.greet(Client("server"))) == [], "that one, which has an address alone"
    assert names(bench.greet(Client("other"))) == ["example.com"]


def test_renewed_certificates_are_for_new_connections(bench: TLSBench) -> None:
    near, far = bench.pair()
    bench.listen(protocol="tls", tls=listener_tls(issue(ours(), ["renewed.test"])))
    late = bench.greet()
    near.transport.write(b"still here")
    bench.settle()
    assert (names(near), names(late)) == (["example.com"], ["renewed.test"])
    assert bytes(far.received) == b"still here"


def test_a_handshake_ends_with_the_certificates_that_it_began_with() -> None:
    bench = TLSBench(sites(), chunk=1)
    end = HalfCloseable()
    factory = bench.by_listener[WEB].factory
    assert factory is not None
    wire = Wire(bench.clock, 1)
    under = Client("c.test").under(end)
    wire.accept(factory, under)
    bench.listen(protocol="tls", tls=listener_tls(issue(ours(), ["renewed.test"])))
    bench.settle()
    assert names(end) == ["x.b.test", "c.test"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (lambda: (issue(ours(), ["a"]), Issued(site().certificate, ours().key)), "is not the key"),
    ],
)
def test_what_is_unfit_is_told_by_its_index(pairs: Callable[[], Any], message: str) -> None:
    with pytest.raises(Unfit, match=message) as caught:
        Contexts(listener_tls(*pairs()))
    assert (caught.value.index, caught.value.of_key) == (1, True)


def test_contexts_are_made_once_and_go_with_what_they_were_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are judged before a listener has them, and then served."""
    made = []
    real = SSL.Context.__init__

    def count(self: SSL.Context, method: int) -> None:
        made.append(method)
        real(self, method)

    monkeypatch.setattr(SSL.Context, "__init__", count)
    tls = listener_tls(*(issue(ours(), [name]) for name in ("a", "b")))
    contexts = weakref.ref(contexts_of(tls))
    bench = TLSBench(tls)
    bench.client()
    bench.settle()
    assert made == 2 * [SSL.TLS_SERVER_METHOD]
    assert contexts_of(replace(tls)) is contexts()
    assert contexts_of(replace(tls, min_version="1.3")) is not contexts()
    del bench, tls
    for _ in range(3):  # the first finds what the next ones free
        gc.collect()
    assert contexts() is None


# What is spoken inside.


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [([b"h2", b"http/1.1"], b"http/1.1"), ([b"h2"], b""), ([b"acme-tls/1"], b""), ([], b"")],
)
def test_who_offers_other_protocols_is_not_aborted(offered: list[bytes], spoken: bytes) -> None:
    bench = TLSBench(listener_tls(alpn=(b"http/1.1",)))
    client = _with(lambda context: context.set_alpn_protos(offered) if offered else None)
    near, far = bench.pair(client)
    near.transport.write(b"hello")
    bench.settle()
    assert near.transport.getHandle().get_alpn_proto_negotiated() == spoken
    assert bytes(far.received) == b"hello"


# Versions and ciphers.


def test_only_a_newer_version_may_be_spoken() -> None:
    bench = TLSBench(listener_tls(min_version="1.3"))
    bench.greet(_with(lambda context: context.set_max_proto_version(SSL.TLS1_2_VERSION)))
    assert bench.refused == {"tls_too_old": 1}
    assert bench.greet().transport.getHandle().get_protocol_version_name() == "TLSv1.3"


def test_ciphers_are_narrowed() -> None:
    bench = TLSBench(listener_tls(ciphers=(CIPHERS[2],), cipher_suites=(CIPHER_SUITES[2],)))
    newer = bench.greet()
    older = bench.greet(_with(lambda context: context.set_max_proto_version(SSL.TLS1_2_VERSION)))
    assert newer.transport.getHandle().get_cipher_name() == CIPHER_SUITES[2]
    assert older.transport.getHandle().get_cipher_name() == CIPHERS[2]


@pytest.mark.parametrize(
    ("curve", "refused"),
    [
        (ec.SECP256R1(), {}),
        (ec.SECP384R1(), {}),
        (ec.SECP521R1(), {"tls_no_group": 1}),
    ],
)
def test_groups_are_those_of_the_intermediate_profile(
    curve: ec.EllipticCurve, refused: dict[str, int], bench: TLSBench
) -> None:
    bench.greet(_with(lambda context: context.set_tmp_ecdh(curve)))
    assert bench.refused == refused


# Client certificates.


def asking(auth: ClientAuth) -> ListenerTLS:
    return listener_tls(client_auth=auth, client_ca=ours().pem)


@pytest.mark.parametrize(
    ("auth", "by", "reason"),
    [
        (ClientAuth.REQUIRE, None, "no_client_certificate"),
        (ClientAuth.REQUIRE, OTHERS, "bad_client_certificate"),
        (ClientAuth.OPTIONAL, OTHERS, "bad_client_certificate"),
        (ClientAuth.REQUIRE, "ours", ""),
        (ClientAuth.OPTIONAL, "ours", ""),
        (ClientAuth.OPTIONAL, None, ""),
    ],
)
def test_what_clients_have_to_show(auth: ClientAuth, by: Any, reason: str) -> None:
    bench = TLSBench(asking(auth))
    shows = issue(ours() if by == "ours" else by, ["client"]) if by else None
    near = bench.greet(Client(shows=shows))
    near.transport.write(b"hello")
    bench.settle()
    heard = [bytes(end.received) for end in bench.accepted[1]]
    assert (bench.refused, heard) == (({reason: 1}, []) if reason else ({}, [b"hello"]))


# Sessions.


def resume(bench: TLSBench, client: Client, near: Any) -> Any:
    """Another connection of the same client, with the session of `near`."""
    client._session = near.transport.getHandle().get_session()
    near.transport.loseConnection()
    bench.settle()
    return bench.greet(client)


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_session_is_resumed_also_after_a_change_of_other_keys(newest: int, bench: TLSBench) -> None:
    client = _with(lambda context: context.set_max_proto_version(newest))
    bench.listen(protocol="tls", tls=listener_tls(), idle_timeout=7.0)
    near, far = bench.pair(client)
    far.transport.write(b"a ticket comes before this")
    bench.settle()
    bench.listen(protocol="tls", tls=listener_tls(), idle_timeout=8.0)
    assert not reused(near)
    again = resume(bench, client, near)
    again.transport.write(b"hello")
    bench.settle()
    assert reused(again)
    assert bytes(bench.accepted[1][-1].received) == b"hello"


def test_a_session_of_other_certificates_is_not_resumed(bench: TLSBench) -> None:
    client = Client()
    near, far = bench.pair(client)
    far.transport.write(b"a ticket comes before this")
    bench.settle()
    bench.listen(protocol="tls", tls=listener_tls(issue(ours(), ["renewed.test"])))
    again = resume(bench, client, near)
    assert (reused(again), names(again)) == (False, ["renewed.test"])


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("auth", [ClientAuth.OPTIONAL, ClientAuth.REQUIRE])
def test_what_a_client_has_shown_is_not_carried_over_by_a_session(newest: int, auth: ClientAuth) -> None:
    bench = TLSBench(asking(auth))
    client = _with(lambda context: context.set_max_proto_version(newest), shows=issue(ours(), ["client"]))
    near, far = bench.pair(client)
    far.transport.write(b"a ticket would come before this")
    bench.settle()
    again = resume(bench, client, near)
    assert (reused(again), closed(again)) == (False, "")


# How it ends.


def test_close_notify_of_a_client_ends_both_directions(bench: TLSBench) -> None:
    near, far = bench.pair()
    near.transport.write(b"all")
    near.transport.loseWriteConnection()
    bench.settle()
    assert (bytes(far.received), closed(far)) == (b"all", "fin")
    far.transport.loseConnection()
    bench.settle()
    assert (closed(near), bench.tally().live) == ("fin", 0)


def test_what_is_left_for_the_server_is_delivered_after_close_notify() -> None:
    bench = TLSBench(capacity=1000)
    near, far = bench.pair()
    far.transport.pauseProducing()
    near.transport.write(bytes(5000))
    near.transport.loseConnection()
    bench.settle()
    far.transport.resumeProducing()
    bench.settle()
    assert (far.count, closed(far)) == (5000, "fin")


def test_a_client_that_closes_without_close_notify_has_ended(bench: TLSBench) -> None:
    near, far = bench.pair()
    near.transport.write(b"all")
    far.transport.write(b"answer")
    lower(near).loseWriteConnection()
    bench.settle()
    assert (bytes(far.received), closed(far), bench.tally().live) == (b"all", "fin", 0)
    assert (bytes(near.received), closed(near)) == (b"answer", "fin")


def test_a_reset_of_a_client_goes_on(bench: TLSBench) -> None:
    near, far = bench.pair()
    near.transport.write(b"last words")
    bench.settle()
    lower(near).abortConnection()
    bench.settle()
    assert (bytes(far.received), closed(far)) == (b"last words", "reset")


def test_what_is_no_tls_after_the_handshake_is_a_reset(bench: TLSBench) -> None:
    near, far = bench.pair()
    lower(near).write(b"\x17\x03\x03\x00\x20" + bytes(32))
    bench.settle()
    assert (bytes(far.received), closed(far), bench.tally().live) == (b"", "reset", 0)


def test_the_end_of_a_server_is_close_notify_after_all_it_has_sent(bench: TLSBench) -> None:
    near, far = bench.pair()
    far.transport.write(b"all")
    far.transport.loseConnection()
    bench.settle()
    assert (bytes(near.received), closed(near), bench.tally().live) == (b"all", "fin", 0)


def test_a_reset_of_a_server_is_no_close_notify(bench: TLSBench) -> None:
    near, far = bench.pair()
    far.transport.write(b"a part")
    bench.settle()
    far.transport.abortConnection()
    bench.settle()
    assert (bytes(near.received), closed(near)) == (b"a part", "reset")


def test_rule_5_who_was_given_everything_sees_close_notify(bench: TLSBench) -> None:
    near, far = bench.pair()
    far.transport.write(b"answer")
    bench.settle()
    assert bench.plane.cut(EVERYTHING) == 1
    bench.settle()
    assert (closed(near), closed(far), bench.tally().cut) == ("fin", "fin", 1)


def test_rule_5_who_was_not_given_everything_sees_none() -> None:
    bench = TLSBench(capacity=1000)
    near, far = bench.pair()
    lower(near).pauseProducing()
    far.transport.write(bytes(50_000))
    bench.settle()
    assert bench.plane.cut(EVERYTHING) == 1
    bench.settle()
    lower(near).resumeProducing()
    bench.settle()
    assert closed(near) == "reset"
    assert near.count < 50_000


def test_rule_14_an_idle_connection_is_closed_with_close_notify(bench: TLSBench) -> None:
    bench.listen(protocol="tls", tls=bench.tls, idle_timeout=5.0)
    near, far = bench.pair()
    bench.pass_time(6.1)
    assert (closed(near), closed(far)) == ("fin", "fin")
