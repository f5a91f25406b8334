"""What would keep a configuration from starting, found before there is anything to stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lbtwist.console.hostkey import check_host_key
from lbtwist.console.keys import RoleFile
from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import Config, ConsoleSettings
from lbtwist.model.endpoint import Endpoint, EndpointKind
from lbtwist.net.binding import bind_tcp
from lbtwist.service.access_log.service import check_file
from lbtwist.service.verbs.verb import Role

ROLES = {"admin_keys": Role.ADMIN, "operate_keys": Role.OPERATE, "read_keys": Role.READ}


def check_keys(settings: ConsoleSettings | None, *, lines: bool) -> None:
    """Raises ConfigurationError with each role file that can't be read, and with `lines` also with each line
    of one that is no key or has options, by its number."""
    problems = list(_wrong_keys(settings, lines)) if settings is not None else []
    if problems:
        raise ConfigurationError(problems)


def check_start(config: Config) -> None:
    """Raises ConfigurationError or BindError where a start would; nothing is made, and no port kept.

    To be asked where a failing start would have nobody to tell: before the process goes into the background.
    """
    if config.access_log is not None:
        _check_access_log(config.access_log.path)
    if config.console is not None:
        check_host_key(Path(config.console.host_key))
    for endpoint in _endpoints(config):
        if endpoint.kind is EndpointKind.TCP and endpoint.port:
            bind_tcp(endpoint.host, endpoint.port).close()


def _wrong_keys(settings: ConsoleSettings, lines: bool) -> Iterator[Problem]:
    for name, role in ROLES.items():
        path = getattr(settings, name)
        if path is not None:
            wrong = RoleFile(path, role).check(lines=lines)
            yield from (Problem(f"console.{name}", message) for message in wrong)


def _check_access_log(path: Path) -> None:
    if str(path) == "-":
        why = '"-" is standard output, which there is in the foreground alone (twistd -n)'
        raise ConfigurationError([Problem("access_log.path", why)])
    check_file(path)


def _endpoints(config: Config) -> Iterator[Endpoint]:
    yield from (face.endpoint for face in (config.console, config.status) if face is not None)
    yield from (listener.endpoint for listener in config.listeners.values())
