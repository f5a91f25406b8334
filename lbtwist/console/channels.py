"""The channels of one SSH connection (RFC 4254, section 5)."""

# mypy: allow-untyped-calls

from __future__ import annotations

import struct
from typing import Any

from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_OPEN_FAILURE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
    SSHConnection,
)
from twisted.logger import Logger

from lbtwist.console.quiet import quietly
from lbtwist.console.session import SessionChannel

MAX_CHANNELS = 10
"""Sessions over one connection, as sshd's MaxSessions."""
PACKETS = range(256, 32769)
"""Bytes of data in one packet that a client may take (RFC 4253, section 6.1)."""


class Channels(SSHConnection):
    """The channels of one connection: sessions, and few."""

    transport: Any
    _log = Logger(observer=quietly)

    def serviceStarted(self) -> None:
        super().serviceStarted()
        self.transport.logged_in()

    @property
    def busy(self) -> bool:
        return any(channel.busy for channel in self.channels.values())

    @property
    def finished(self) -> bool:
        """Whether all has been said that was asked for, so that the client is about to leave by itself."""
        return all(channel.localClosed or channel.closing for channel in self.channels.values())

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        kind, rest = getNS(packet)
        number, _, size = struct.unpack(">3L", rest[:12])
        if kind != b"session" or size not in PACKETS:
            self._refuse(number, OPEN_ADMINISTRATIVELY_PROHIBITED, b"sessions only")
        elif len(self.channels) >= MAX_CHANNELS:
            self._refuse(number, OPEN_RESOURCE_SHORTAGE, b"too many sessions")
        else:
            super().ssh_CHANNEL_OPEN(packet)

    def ssh_CHANNEL_DATA(self, packet: bytes) -> None:
        self.transport.resetTimeout()
        super().ssh_CHANNEL_DATA(packet)

    def adjustWindow(self, channel: SessionChannel, bytesToAdd: int) -> None:
        if not channel.holding:
            super().adjustWindow(channel, bytesToAdd)

    def _refuse(self, number: int, reason: int, text: bytes) -> None:
        self.transport.sendPacket(
            MSG_CHANNEL_OPEN_FAILURE, struct.pack(">2L", number, reason) + NS(text) + NS(b"")
        )
