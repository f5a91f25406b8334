"""What pydantic finds is told in our words, whatever it finds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from lbtwist.model.config.document import Finding
from lbtwist.model.config.explain import explain


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int = 0
    by_name: dict[str, Inner] = {}
    listed: tuple[Inner, ...] = ()
    console: Inner = Inner()


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"number": "x"}, ("number",), "'x' is not allowed here"),
        ({"by_name": 5}, ("by_name",), "5 is not a table"),
        ({"by_name": {"a": 6}}, ("by_name", "a"), "6 is not a table"),
        ({"listed": 7}, ("listed",), "7 is not a list of tables"),
        ({"number": 1, "colour": 1}, ("colour",), "is not a known key; the file takes "),
        ({"console": {"nam": 1}}, ("console", "nam"), "is not a known key"),
        ({"console": {"x": 1}}, ("console", "x"), "is not a known key; [console] takes "),
    ],
)
def test_each_finding_has_its_place_and_what_was_found(
    values: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(values)
    (found,) = explain(caught.value, values)
    assert (found.path, found.message[: len(message)]) == (path, message)
    assert list(explain(caught.value, {})) == []


def test_a_key_that_is_missing_is_told_of_the_table_that_stands_there() -> None:
    class Needed(BaseModel):
        a: dict[str, Whole]
        b: dict[str, Any]

    class Strict(BaseModel):
        needed: Needed

    with pytest.raises(ValidationError) as caught:
        Strict.model_validate({"needed": {"a": {}}})
    assert list(explain(caught.value, {"needed": {}})) == [Finding(("needed", "b"), "is required")]
    assert list(explain(caught.value, {})) == []
