"""What there is to apply of a configuration, once it is sure that it can be applied."""

from __future__ import annotations

from collections.abc import Mapping

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import Config
from lbtwist.model.difference import Difference
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.certificates import read_tls


def check_applicable(balancer: LoadBalancer, new: Difference) -> Mapping[str, ListenerTLS]:
    """What the files of listeners hold now. Raises ConfigurationError where `new` can't be applied, whether
    or not its endpoints are free."""
    _check_fixed(balancer.config, new.config)
    with_files = {name: settings for name, settings in new.config.server_groups.items() if settings.tls}
    balancer.makers.check({**with_files, **new.groups})
    known = {name: listener.tls for name, listener in balancer.listeners.items()}
    return read_tls(new.config.listeners, known)


def _check_fixed(old: Config, new: Config) -> None:
    """The console is what a reload may be watched from: it changes with a restart alone. So do the status
    page, the access log and the place of what is kept over a restart."""
    if old.console != new.console:
        raise ConfigurationError([Problem("console", "can't be changed by a reload: restart")])
    if old.status != new.status:
        raise ConfigurationError([Problem("status", "can't be changed by a reload: restart")])
    if old.access_log != new.access_log:
        raise ConfigurationError([Problem("access_log", "can't be changed by a reload: restart")])
    if old.load_balancer.state_file != new.load_balancer.state_file:
        raise ConfigurationError(
            [Problem("load_balancer.state_file", "can't be changed by a reload: restart")]
        )
