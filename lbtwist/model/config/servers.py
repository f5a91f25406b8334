"""The servers of a group, brought from each way of writing them to the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lbtwist.model.address import Address
from lbtwist.model.config.document import Finding
from lbtwist.model.config.inherit import table
from lbtwist.model.config.kinds import is_address
from lbtwist.model.config.table import KeyPath
from lbtwist.model.config.target import Target, parse_target
from lbtwist.model.config.words import joined
from lbtwist.model.network import Network, parse_networks, within
from lbtwist.model.shown import shown

_UNREAD = Address("", 1)
"""Stands for an address that could not be read, so that the rest of its server is still judged."""


def with_servers(document: Mapping[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """`document` with every group's servers as tables with a whole address, that is with its port.

    What is wrong with an address is added to `findings`, one outside of the networks of servers too.
    """
    groups = document.get("server_groups", {})
    if not isinstance(groups, dict):
        return dict(document)
    networks = _networks(document)
    return {
        **document,
        "server_groups": {name: _group(name, group, networks, findings) for name, group in groups.items()},
    }


def _networks(document: Mapping[str, Any]) -> tuple[Network, ...]:
    try:
        return parse_networks(table(document.get("load_balancer")).get("server_networks", []))
    except ValueError:
        return ()  # said by the schema


def _group(name: str, group: Any, networks: tuple[Network, ...], findings: list[Finding]) -> Any:
    if not isinstance(group, dict) or "servers" not in group:
        return group
    reader = _Reader(("server_groups", name, "servers"), _port(group), networks, findings)
    return {**group, "servers": reader.read(group["servers"])}


def _port(group: dict[str, Any]) -> int | None:
    """The port for servers without one. A wrong one counts as one: it is told once, not per server."""
    if "port" not in group:
        return None
    port = group["port"]
    return port if isinstance(port, int) and 1 <= port <= 65535 else 1


class _Reader:
    """Reads the servers of one group, and knows which addresses were there before."""

    def __init__(
        self, path: KeyPath, port: int | None, networks: tuple[Network, ...], findings: list[Finding]
    ) -> None:
        self._path = path
        self._port = port
        self._networks = networks
        self._findings = findings
        self._seen: dict[Target, str] = {}

    def read(self, servers: Any) -> dict[str, Any]:
        if isinstance(servers, list):
            return self._read_list(servers)
        if isinstance(servers, dict):
            return {name: self._read_server(name, server) for name, server in servers.items()}
        self._find((), f"{shown(servers)} is not a list of addresses, nor a table of servers")
        return {}

    def _read_list(self, servers: list[Any]) -> dict[str, Any]:
        read = [self._address((index,), text, f"servers[{index}]") for index, text in enumerate(servers)]
        return {str(address): {"address": address} for address in read if address is not _UNREAD}

    def _read_server(self, name: str, server: Any) -> Any:
        if isinstance(server, str):
            return {"address": self._named_address(name, (name,), server)}
        if not isinstance(server, dict):
            self._find((name,), f"{shown(server)} is not an address, nor a table as {{ address, weight }}")
            return {"address": _UNREAD}
        if "address" not in server:
            return server
        return {**server, "address": self._named_address(name, (name, "address"), server["address"])}

    def _named_address(self, name: str, path: KeyPath, text: Any) -> Target:
        address = self._address(path, text, repr(name))
        if address is not _UNREAD and is_address(name) and name != str(address):
            self._find(path, f"{shown(text)} is the address of a server that is named {shown(name)}")
        return address

    def _address(self, path: KeyPath, text: Any, who: str) -> Target:
        try:
            address = self._parse(text)
        except ValueError as error:
            self._find(path, str(error))
            return _UNREAD
        if (first := self._seen.setdefault(address, who)) is not who:
            self._find(path, f"{shown(text)} is the address of {first} already")
        if isinstance(address, Address) and not within(address, self._networks):
            networks = joined(map(str, self._networks))
            self._find(path, f"{shown(text)} is not in load_balancer.server_networks: {networks}")
        return address

    def _parse(self, text: Any) -> Target:
        if not isinstance(text, str):
            raise ValueError(f'{shown(text)} is not an address, as "10.0.0.1:8080"')
        return parse_target(text, self._port)

    def _find(self, path: KeyPath, message: str) -> None:
        self._findings.append(Finding((*self._path, *path), message))
