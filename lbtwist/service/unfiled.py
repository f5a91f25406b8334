"""What a load balancer does with its file; one that runs without a file has nothing to do it with."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail

from lbtwist.errors import Refused
from lbtwist.service.live import LiveEdit
from lbtwist.service.loading import Loaded


class IFiling(Protocol):
    """What runs, beside the text of the file that it came from. All fail with Refused."""

    def preview(self, edit: LiveEdit) -> Deferred[list[str]]:
        """The lines of the unified diff that an edit would make to the text, without secrets.
        Fails with ConfigurationError where it is not allowed."""

    def preview_reload(self) -> Deferred[list[str]]:
        """The lines of the unified diff of what a reload would follow, without secrets. Fails as it
        would."""

    def preview_save(self) -> Deferred[list[str]]:
        """The lines of the unified diff of what a save would write."""

    def diff(self) -> Deferred[list[str]]:
        """The lines of the unified diff that makes of the file what runs, secrets too."""

    def save(self, who: str) -> Deferred[list[str]]:
        """Write what runs into the file; fires with what was written, a line each."""

    def check(self) -> Deferred[Loaded]:
        """Read the file, and change nothing. Fails with ConfigurationError."""


class Unfiled:
    """It runs without a file."""

    def preview(self, edit: LiveEdit) -> Deferred[list[str]]:
        return _refused()

    def preview_reload(self) -> Deferred[list[str]]:
        return _refused()

    def preview_save(self) -> Deferred[list[str]]:
        return _refused()

    def diff(self) -> Deferred[list[str]]:
        return _refused()

    def save(self, who: str) -> Deferred[list[str]]:
        return _refused()

    def check(self) -> Deferred[Loaded]:
        return _refused()


def _refused() -> Deferred[Any]:
    return fail(Refused("it runs without a file: there is nothing to read, to compare or to write"))
