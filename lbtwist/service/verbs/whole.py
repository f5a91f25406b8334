"""The verbs about the load balancer as a whole, and about the verbs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from lbtwist.errors import Refused
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


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
