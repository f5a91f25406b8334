"""A load balancer as it was before a restart, as far as operators want it so (rule 67)."""

from __future__ import annotations

from twisted.logger import Logger

from lbtwist.model.state.document import State
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.state.recall import Recalled, interrupted

log = Logger()


def restore(balancer: LoadBalancer, recalled: Recalled) -> int:
    """To be called before it is started. Returns how many receipts of interrupted drains are new."""
    _restore_servers(balancer, recalled.state)
    _restore_listeners(balancer, recalled.state)
    balancer.drains.receipts.extend(recalled.receipts.receipts)
    found = list(interrupted(recalled, balancer.wall()))
    for receipt in found:
        log.warn(
            "drain of {receipt.subject} was interrupted ({receipt.cause}): {receipt.kept} of"
            " {receipt.connections} connections were left when the process ended",
            receipt=receipt,
        )
        balancer.drains.receipts.append(receipt)
    return len(found)


def _restore_servers(balancer: LoadBalancer, state: State) -> None:
    later = balancer.clock.seconds() - balancer.wall()
    for name, intents in state.intents.items():
        group = balancer.groups.get(name)
        if group is None:
            log.info(
                "there is no server group {group} any more: what operators wanted is dropped", group=name
            )
            continue
        group.recollection.remember(
            each._replace(until=None if each.until is None else each.until + later) for each in intents
        )


def _restore_listeners(balancer: LoadBalancer, state: State) -> None:
    for name, because in state.disabled.items():
        listener = balancer.listeners.get(name)
        if listener is None:
            log.info("there is no listener {name} any more: that it was disabled is dropped", name=name)
            continue
        listener.disabled, listener.because = True, because
        log.warn("listener {name} stays disabled, as {who} wanted it", name=name, who=because.who)
