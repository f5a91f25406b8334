from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lbtwist.errors import BindError
from lbtwist.net import binding
from lbtwist.net.binding import SocketFile, bind_tcp, bind_unix


def accepts(listening: socket.socket, family: int, address: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(address)  # type: ignore[arg-type]
        listening.settimeout(5)
        listening.accept()[0].close()
    return True


def test_one_address() -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert not listening.getblocking()
        assert accepts(listening, socket.AF_INET, listening.getsockname())


@pytest.mark.parametrize("host", [None, "::"])
def test_all_addresses_are_those_of_ipv4_and_ipv6(host: str | None) -> None:
    with bind_tcp(host, 0) as listening:
        if listening.family != socket.AF_INET6:
            pytest.skip("no IPv6 here")
        port = listening.getsockname()[1]
        assert accepts(listening, socket.AF_INET, ("127.0.0.1", port))
        assert accepts(listening, socket.AF_INET6, ("::1", port))


def test_all_addresses_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(family: int = -1, *arguments: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *arguments)

    real = socket.socket
    monkeypatch.setattr(socket, "socket", without)
    with bind_tcp(None, 0) as listening:
        monkeypatch.undo()
        assert accepts(listening, socket.AF_INET, ("127.0.0.1", listening.getsockname()[1]))


def test_port_in_use() -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(BindError, match=f"^cannot listen on 127.0.0.1:{port}: the address is in use$"):
            bind_tcp("127.0.0.1", port)
        with pytest.raises(BindError, match=f"^cannot listen on port {port}: the address is in use$"):
            bind_tcp(None, port)


def test_address_of_another_machine() -> None:
    with pytest.raises(
        BindError, match=r"^cannot listen on 192\.0\.2\.1:80: this machine has no such address$"
    ):
        bind_tcp("192.0.2.1", 80)


def test_unix_socket(tmp_path: Path) -> None:
    with bind_unix(str(tmp_path / "socket")) as listening:
        assert not listening.getblocking()
        assert accepts(listening, socket.AF_UNIX, str(tmp_path / "socket"))


def test_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    bind_unix(path).close()
    assert os.path.exists(path)
    with bind_unix(path) as listening:
        assert accepts(listening, socket.AF_UNIX, path)


def test_live_unix_socket_is_in_use(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with bind_unix(path) as listening:
        with pytest.raises(BindError, match=f"^cannot listen on unix:{path}: the address is in use$"):
            bind_unix(path)
        assert accepts(listening, socket.AF_UNIX, path)


def test_live_unix_socket_with_a_full_backlog_is_in_use(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(path)
        with pytest.raises(BindError, match="in use"):
            bind_unix(path)
        for client in waiting:
            client.close()
    assert os.path.exists(path)


def test_a_file_that_is_no_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(BindError, match=re.escape(f"cannot listen on unix:{path}: there is a file")):
        bind_unix(str(path))
    assert path.read_text() == "precious"


def no_directory(path: Path) -> str:
    return str(path / "missing" / "socket")


def file_for_directory(path: Path) -> str:
    (path / "file").write_text("")
    return str(path / "file" / "socket")


@pytest.mark.parametrize("where", [no_directory, file_for_directory])
def test_unix_socket_without_a_directory(tmp_path: Path, where: Callable[[Path], str]) -> None:
    with pytest.raises(BindError, match=r"there is no such directory$"):
        bind_unix(where(tmp_path))


def test_unix_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(BindError, match="too long"):
        bind_unix(str(tmp_path / ("x" * 200)))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(binding, "_remove_stale", refuse)
    with pytest.raises(BindError, match=r"no permission$"):
        bind_unix(str(tmp_path / "socket"))


def test_socket_file_is_removed_while_it_is_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with bind_unix(path) as listening:
        file = SocketFile.of(listening)
        assert file is not None
        file.remove()
        assert not os.path.exists(path)
        file.remove()


def test_socket_file_of_another_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with bind_unix(path) as listening:
        file = SocketFile.of(listening)
        assert file is not None
        os.rename(path, path + ".old")
        with bind_unix(path):
            file.remove()
            assert os.path.exists(path)


def test_no_socket_file() -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        assert SocketFile.of(listening) is None
    with socket.socket(socket.AF_UNIX) as unbound:
        assert SocketFile.of(unbound) is None
