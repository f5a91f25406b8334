"""A load balancer as users run it: a file, `twistd`, and a console over SSH."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lbtwist.demo.key import make_key
from tests.functional.process import PATIENCE, Twistd

HOST = "127.0.0.1"
CONSOLE_HOST = "127.0.0.2"
"""An address of its own, so that its port is found among the listening ones."""

_CONSOLE = f"""
[console]
endpoint = "{CONSOLE_HOST}:0"
admin_keys = "key.pub"
host_key = "host_key"
"""


def app(servers: Mapping[str, str], *, shutdown_timeout: float = 0, **tables: str) -> str:
    """A configuration of one listener over one group; `tables` as `section` takes them."""
    return f"[load_balancer]\nshutdown_timeout = {shutdown_timeout}\n{section(servers, **tables)}"


def section(
    servers: Mapping[str, str],
    *,
    listener: str = "",
    group: str = "",
    draining: str = "",
    endpoint: str = f"{HOST}:0",
    name: str = "app",
) -> str:
    """A listener over a group of the same name; the other texts are further keys of their tables."""
    named = "\n".join(f'{server} = "{address}"' for server, address in servers.items())
    return f"""
[listeners.{name}]
endpoint = "{endpoint}"
protocol = "tcp"
server_group = "{name}"
{listener}

[server_groups.{name}]
{group}

[server_groups.{name}.connection_draining]
{draining}

[server_groups.{name}.servers]
{named}
"""


class Balancer(Twistd):
    """A load balancer with the configuration `text`, and a key to its console."""

    def __init__(
        self,
        directory: Path,
        text: str,
        *,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        sockets: Mapping[str, socket.socket] | None = None,
    ) -> None:
        self.file = directory / "lb.toml"
        super().__init__(directory, "--config", self.file, environ=environ, wrapper=wrapper, sockets=sockets)
        self._private, _ = make_key(directory)
        self._console_port = 0
        self.configure(text)

    def __enter__(self) -> Balancer:
        super().__enter__()
        return self

    def configure(self, text: str) -> None:
        """Write the file anew; SIGHUP or `reload` reads it."""
        self.file.write_text(_CONSOLE + text)

    @cached_property
    def address(self) -> tuple[str, int]:
        """Where its only listener on 127.0.0.1 listens, the first time that it is asked."""
        return HOST, self.port(HOST)

    def ssh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command at its console, to its end."""
        with self.begin(*words) as command:
            try:
                out, err = command.communicate(timeout=PATIENCE)
            except BaseException:
                command.kill()
                raise
        return subprocess.CompletedProcess(words, command.returncode, out, err)

    def give(self, text: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One command at its console that reads `text` from its standard input."""
        return subprocess.run(
            [*self._ssh(), shlex.join(words)],
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """One command at its console, under way."""
        return subprocess.Popen(
            [*self._ssh(), shlex.join(words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: str, status: int = 0) -> Any:
        """What a verb answers, as data; it must end with `status`."""
        done = self.ssh(*words, "--json")
        assert done.returncode == status, f"{words}: {done}\n{self.log}"
        return json.loads(done.stdout)

    def state(self, server: str) -> dict[str, Any]:
        """The row of `server` (`app/ecs01`, the newest of its registrations) in `servers`."""
        rows = [row for row in self.ask("servers") if row["server"].partition("#")[0] == server]
        return dict(rows[-1])

    def receipt(self) -> dict[str, Any]:
        """The last one."""
        return dict(self.ask("receipts")[-1])

    def forget(self) -> None:
        """It has ended and may be entered again: its ports and what it told are others then."""
        (self.directory / "notify").unlink()
        self.notes.clear()
        self._console_port = 0
        self.__dict__.pop("address", None)

    def _ssh(self) -> list[str]:
        if not self._console_port:
            self._console_port = self.port(CONSOLE_HOST)
        options = {
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "BatchMode": "yes",
        }
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        # -F: nothing of the developer's own settings.
        return [
            "ssh",
            "-F",
            "none",
            "-p",
            str(self._console_port),
            "-i",
            str(self._private),
            *given,
            CONSOLE_HOST,
        ]
