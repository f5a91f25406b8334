"""The step that judges clients by their address: who may not come in is closed at once."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IProtocol

from lbtwist.model.gate import Verdict
from lbtwist.net.arrival import Onward
from lbtwist.net.frontend import Frontend
from lbtwist.net.logged import turn_away
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of


class Admission:
    """Goes by the gate of `frontend`."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend

    def enter(
        self, address: IAddress | None, group: GroupRotation | None, onward: Onward
    ) -> IProtocol | None:
        """`address` is the one that a proxy has told of, where one has."""
        verdict = self._frontend.gate.judge(host_of(address), self._frontend.seconds())
        return onward(address, group) if verdict is None else self._refuse(address, verdict)

    def _refuse(self, address: IAddress | None, verdict: Verdict) -> IProtocol | None:
        """What a client that may not come in has; None closes its connection."""
        self._count(address, verdict)
        return None

    def _count(self, address: IAddress | None, verdict: Verdict, status: int = 0, sent: int = 0) -> None:
        frontend = self._frontend
        frontend.refusals.add(frontend.policy.name, address, verdict.end.value)
        turn_away(frontend, address, status, verdict.end, sent)
