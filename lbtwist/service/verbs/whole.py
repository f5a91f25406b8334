"""The verbs about the load balancer as a whole, and about the verbs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def reload(call: Call) -> Deferred[Result]:
    """Read the file again and apply what changed in it, whole or not at all."""
    balancer: LoadBalancer = call.balancer
    return balancer.reload().addCallback(lambda changed: Result(changed or ["nothing has changed"]))


def apply(call: Call, group: str) -> Result:
    """Take the answer of a group's source that is held back, because it would remove too many."""
    balancer: LoadBalancer = call.balancer
    discovery = balancer.group(group).discovery
    if discovery is None:
        raise Refused(f"{group} is not discovered: it has no source")
    return Result(discovery.apply())


def help_for(verbs: Iterable[Verb]) -> Verb:
    """The verb that tells of `verbs` and of itself."""
    by_name = {verb.name: verb for verb in verbs}

    def help(call: Call, verb: str | None = None) -> Result:
        if verb is None:
            return Result([{"verb": each.name, "summary": each.summary} for each in by_name.values()])
        if verb not in by_name:
            near = get_close_matches(verb, by_name, 1)
            raise Refused(f"there is no verb {verb}" + (f"; did you mean {near[0]}?" if near else ""))
        return Result(_told(by_name[verb]))

    told = Verb(
        "help",
        help,
        "Tells what verbs there are, or how one is used.",
        Role.READ,
        (Parameter("verb", Kind.VERB),),
    )
    by_name[told.name] = told
    return told


def _told(verb: Verb) -> dict[str, object]:
    return {
        "verb": verb.name,
        "summary": verb.summary,
        "role": verb.role.name.lower(),
        "parameters": [
            {
                "parameter": parameter.flag if parameter.option else parameter.name,
                "takes": parameter.kind.value,
                "required": parameter.required,
                "help": parameter.help,
            }
            for parameter in verb.parameters
        ],
    }


VERBS = (
    Verb(
        "apply",
        apply,
        "Takes the answer of a group's source that is held back.",
        Role.OPERATE,
        (Parameter("group", Kind.GROUP, required=True),),
    ),
    Verb("reload", reload, "Reads the file again and applies what changed in it.", Role.OPERATE),
)
