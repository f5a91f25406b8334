"""`twistd lb`: its options, and the assembly of what they ask for. Imports stay inside the functions,
because twistd imports this for every `--help`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from twisted.python import usage

if TYPE_CHECKING:
    from twisted.application.service import IService

    from lbtwist.model.config import Config
    from lbtwist.service.loading import Loaded


_LOGS = ("logger", "logfile", "syslog")
"""Options of twistd that say where its log goes."""


class Options(usage.Options):
    """What `twistd lb` takes."""

    synopsis = "[--config FILE [--check] | --example | --demo]"
    optParameters: ClassVar[list[list[str | None]]] = [["config", "c", None, "The configuration file, TOML."]]
    optFlags: ClassVar[list[list[str | None]]] = [
        ["check", None, "Validate the file, print its errors or a summary, and exit with 0 or 1."],
        ["example", None, "Print the smallest whole configuration file, and exit."],
        ["demo", None, "Run without a file, over two built-in servers, with a drain to try."],
    ]
    loaded: Loaded | None = None

    def parseOptions(self, options: Any = None) -> None:
        """A wrong option is one line, without the page of help that twistd would print first."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _leave(f"{error} (--help tells the options)")

    def postOptions(self) -> None:
        """Whatever can be said is said here: before twistd looks at its pid file, or goes into the
        background where nobody reads what it says."""
        if self["example"]:
            self._example()
        if self["demo"]:
            return
        if self["config"] is None:
            _leave("--config FILE is required (--example prints one, --demo needs none)")
        # twistd changes its directory when it goes into the background; a reload reads the file again.
        self["config"] = os.path.abspath(self["config"])
        self.loaded = self._load()
        if self["check"]:
            self._check(self.loaded.config)
        self._log_for_journal()

    def _example(self) -> NoReturn:
        from lbtwist.model.config import EXAMPLE

        sys.stdout.write(EXAMPLE)
        raise SystemExit(0)

    def _log_for_journal(self) -> None:
        """Give lines of the log their priorities where it goes to systemd's journal, by no other wish."""
        from lbtwist.service.journal import is_journal

        twistd = self.parent
        if twistd is None or not twistd["nodaemon"] or any(twistd.get(name) for name in _LOGS):
            return
        if is_journal(os.environ, sys.stdout):
            twistd["logger"] = "lbtwist.service.journal.journal_observer"  # twistd imports it

    def _load(self) -> Loaded:
        from lbtwist.errors import ConfigurationError
        from lbtwist.preflight import check_keys
        from lbtwist.service.certificates import read_tls
        from lbtwist.service.loading import load
        from lbtwist.service.server_tls import check_server_tls

        try:
            loaded = load(self["config"])
            check_keys(loaded.config.console, lines=self["check"])
            read_tls(loaded.config.listeners, {})
            check_server_tls(loaded.config.server_groups)
            return loaded
        except ConfigurationError as error:
            _leave(*map(str, error.problems))

    def _check(self, config: Config) -> NoReturn:
        from lbtwist.service.advice import warnings

        for warning in warnings(config):
            sys.stdout.write(f"warning: {warning}\n")
        servers = sum(len(group.servers) for group in config.server_groups.values())
        sys.stdout.write(
            f"{self['config']} is valid: {len(config.listeners)} listeners,"
            f" {len(config.server_groups)} server groups, {servers} servers\n"
        )
        raise SystemExit(0)


def makeService(options: Options) -> IService:
    """The load balancer that the options ask for."""
    from twisted.internet import reactor

    from lbtwist.service.process import keep_the_start, share_the_interpreter, use_monotonic_clock

    sys.excepthook = _one_line
    use_monotonic_clock(reactor)
    keep_the_start(reactor)
    share_the_interpreter()
    if options["demo"]:
        from lbtwist.demo.assembly import demo

        return demo(reactor)
    from lbtwist.assembly import assemble

    assert options.loaded is not None
    if options.parent is not None and not options.parent["nodaemon"]:
        _check_start(options.loaded.config)
    return assemble(options.loaded, options["config"], reactor)


def _check_start(config: Config) -> None:
    """What goes into the background can't say why it does not start."""
    from lbtwist.errors import LBError
    from lbtwist.preflight import check_start

    try:
        check_start(config)
    except LBError as error:
        _leave(str(error))


def _leave(*messages: str) -> NoReturn:
    """End with status 1, without the page of help that a UsageError would print first."""
    for message in messages:
        sys.stderr.write(f"twistd lb: {message}\n")
    raise SystemExit(1)


def _one_line(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    """A start that fails for a reason of the machine or the file is told in one line."""
    from lbtwist.errors import LBError

    if isinstance(error, LBError):
        sys.stderr.write(f"twistd lb: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)
