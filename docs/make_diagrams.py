"""Writes drain-states.md beside this file, from the table of a drain's transitions."""

from __future__ import annotations

from pathlib import Path

from lbtwist.model.drain import TRANSITIONS, State

HERE = Path(__file__).parent

_INTRODUCTION = """\
# The states of a drain

One table, `TRANSITIONS` in `lbtwist/model/drain.py`, says where a drain may go, and nothing else changes
its state. An event that the table does not name for a state is refused. This page is made from it by
`docs/make_diagrams.py`.
"""


def diagram() -> str:
    """The transitions as a Mermaid state diagram."""
    begin, end = next(iter(State)), "[*]"
    arrows = [f"    {end} --> {begin.value}"]
    arrows += [
        f"    {state.value} --> {to.value} : {event.value}" for (state, event), to in TRANSITIONS.items()
    ]
    arrows += [f"    {state.value} --> {end}" for state in State if is_final(state)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def table() -> str:
    """The transitions as rows, for who can't see the diagram."""
    rows = [
        f"| `{state.value}` | {event.value} | `{to.value}` |" for (state, event), to in TRANSITIONS.items()
    ]
    return "\n".join(["| state | what happens | next state |", "|---|---|---|", *rows])


def is_final(state: State) -> bool:
    """Nothing leads away from it: the drain has ended, and this is the outcome in its receipt."""
    return all(origin is not state for origin, _ in TRANSITIONS)


def outcomes() -> str:
    words = [f"`{state.value}`" for state in State if is_final(state)]
    return f"A drain that has ended is {', '.join(words[:-1])} or {words[-1]}: its receipt says which."


def pages() -> dict[str, str]:
    """What is made, by file name."""
    return {"drain-states.md": "\n\n".join([_INTRODUCTION.rstrip(), diagram(), table(), outcomes()]) + "\n"}


if __name__ == "__main__":
    for name, content in pages().items():
        (HERE / name).write_text(content, encoding="utf-8")
