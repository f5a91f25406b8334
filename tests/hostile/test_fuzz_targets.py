"""The targets of `make fuzz` with what they begin from, and with a little of what might be made of it."""

from __future__ import annotations

from random import Random

import pytest

from fuzz.targets import SEEDS, TARGETS, seeds
from tests.functional.scale import scaled
from tests.hostile.request_grammar import changed

CHANGES = scaled(1000, 40)
"""Of each seed."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds(name: str) -> None:
    for number, seed in enumerate(seeds(name)):
        TARGETS[name](seed)
        random = Random(number)
        for _ in range(CHANGES):
            TARGETS[name](changed(seed, random))


def test_each_folder_of_seeds_has_its_target() -> None:
    assert {path.name for path in SEEDS.iterdir()} == set(TARGETS)
