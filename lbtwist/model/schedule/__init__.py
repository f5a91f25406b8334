"""Which server is next: schedulers, each of which yields an order of preference."""

from lbtwist.model.schedule.built_in import BUILT_IN
from lbtwist.model.schedule.weighted_round_robin import WeightedRoundRobin

__all__ = ["BUILT_IN", "WeightedRoundRobin"]
