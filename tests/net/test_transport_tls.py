"""Twisted's TLS, which wants a whole ITCPTransport under it, on the poller's transports."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any, cast

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor as installed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory

from lbtwist.model.address import Address
from lbtwist.net.binding import bind_tcp
from lbtwist.net.direct import DirectDialer
from lbtwist.net.listening import ListeningPort
from lbtwist.net.poller import Poller
from lbtwist.net.sweep import Sweep
from tests.net.recorder import Recorder

reactor = cast(Any, installed)
LARGE = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def certificate() -> PrivateCertificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = made.public_bytes(serialization.Encoding.PEM) + encoded
    return cast(PrivateCertificate, PrivateCertificate.loadPEM(pem))


class One(Factory):
    noisy = False

    def __init__(self, protocol: Recorder) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        return self._protocol


@pytest.mark.parametrize("clean", [True, False])
@pytest_twisted.ensureDeferred
async def test_tls(certificate: PrivateCertificate, clean: bool) -> None:
    poller = Poller(reactor)
    client, server = Recorder(keep=False), Recorder(keep=False)
    accepting = TLSMemoryBIOFactory(certificate.options(), False, One(server))
    connecting = TLSMemoryBIOFactory(optionsForClientTLS("example.org", certificate), True, One(client))
    port = ListeningPort(poller, bind_tcp("127.0.0.1", 0), accepting, reactor)
    port.startListening()
    host = port.getHost()
    DirectDialer(poller, Sweep(reactor)).dial(
        Address(host.host, host.port),
        lambda: connecting.buildProtocol(cast(Any, None)),
        5.0,
        cast(Any, pytest.fail),
    )
    await client.until_heard("made")
    await server.until_heard("made")
    await port.stopListening()

    data = bytes(range(256)) * (LARGE // 256)
    server.on_data = server.transport.write
    server.transport.registerProducer(server.transport, True)
    client.transport.write(data)
    await client.until_received(LARGE)
    assert client.digest.digest() == hashlib.sha256(data).digest()

    server.transport.unregisterProducer()
    if clean:
        client.transport.loseConnection()
    else:
        client.transport.transport.abortConnection()
    await server.until_heard("lost")
    await client.until_heard("lost")
    assert server.reason.check(ConnectionDone if clean else ConnectionLost)
    poller.stop()
