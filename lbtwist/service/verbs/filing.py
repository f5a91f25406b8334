"""The verbs about the file: what runs beside it, written into it, and judged."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.service.advice import warnings
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.renewal import renew
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import LOGGED_REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def diff(call: Call) -> Deferred[Result]:
    """What makes of the file what runs, for `patch`; nothing where it does already."""
    balancer: LoadBalancer = call.balancer
    return balancer.filing.diff().addCallback(lambda lines: Result("".join(f"{line}\n" for line in lines)))


def save(call: Call, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Write what runs into the file; nothing is live then that is not in it."""
    balancer: LoadBalancer = call.balancer
    saving = balancer.filing.preview_save() if dry_run else balancer.filing.save(call.caller.name)
    return saving.addCallback(lambda lines: Result(lines or ["nothing has changed"]))


def check(call: Call) -> Deferred[Result]:
    """Judge the file as it is now, as `--check` does."""
    return Deferred.fromCoroutine(_checked(call.balancer))


async def _checked(balancer: LoadBalancer) -> Result:
    try:
        loaded = await balancer.filing.check()
    except ConfigurationError as error:
        raise Refused("\n".join(str(problem) for problem in error.problems)) from None
    groups = loaded.config.server_groups
    return Result(
        {
            "files": [part.source for part in loaded.parts],
            "listeners": len(loaded.config.listeners),
            "server_groups": len(groups),
            "servers": sum(len(group.servers) for group in groups.values()),
            "warnings": list(warnings(loaded.config)),
        }
    )


def reload(call: Call, what: str = "", dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Read the file again and apply what changed in it, whole or not at all; or no more than the
    certificates of listeners."""
    balancer: LoadBalancer = call.balancer
    if what:
        reading = renew(balancer, call.caller.name, dry_run)
    else:
        reading = balancer.filing.preview_reload() if dry_run else balancer.reload()
    return reading.addCallback(lambda changed: Result(changed or ["nothing has changed"]))


VERBS = (
    Verb("diff", diff, "Tells what makes of the file what runs, as patch takes it.", Role.OPERATE),
    Verb(
        "save",
        save,
        "Writes what runs into the file; comments stay, and the file before is kept.",
        Role.OPERATE,
        (DRY_RUN, LOGGED_REASON),
    ),
    Verb("check", check, "Judges the file as it is now, and changes nothing.", Role.READ),
    Verb(
        "reload",
        reload,
        "Reads the file again and applies what changed in it.",
        Role.OPERATE,
        (
            Parameter("what", Kind.TEXT, "only the certificates of listeners", choices=("certificates",)),
            DRY_RUN,
            LOGGED_REASON,
        ),
    ),
)
