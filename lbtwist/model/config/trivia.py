"""What stands between the tables of a TOML document: comments and empty lines stay where they are read."""

from __future__ import annotations

from typing import Any

from tomlkit import TOMLDocument
from tomlkit.container import Container
from tomlkit.items import AoT, Comment, Null, Table, Whitespace


class Heads:
    """What stands before the head of each table, taken out of the table before it while the document is
    edited: what is added to that one then stands with its own keys."""

    def __init__(self, document: TOMLDocument) -> None:
        self._above: list[tuple[Table, str]] = []
        self._rest = self._lift(document, "")
        if self._rest:
            document.append(None, Whitespace(self._rest))

    def put_back(self) -> None:
        """Have it stand there again."""
        for table, text in self._above:
            table.trivia.indent = text
        self._above.clear()

    def drop(self, table: Any, name: str) -> None:
        """Take a key or a table away. The comments before its head stay."""
        kept = self._before(table[name])
        body = (table.value if isinstance(table, Table) else table).body if kept else []
        place = next((at for at, (key, _) in enumerate(body) if key and key.key == name), None)
        del table[name]
        if place is not None:
            body[place] = (None, Whitespace(kept))

    def _before(self, item: Any) -> str:
        """The comments before the head of a table, or of the first one in it."""
        if isinstance(item, AoT):
            return self._before(item.body[0]) if item.body else ""
        if not isinstance(item, Table):
            return ""
        if item.is_super_table():
            inner = (self._before(each) for _, each in item.value.body if isinstance(each, Table | AoT))
            return next(inner, "")
        text = next((text for table, text in self._above if table is item), "")
        return text if "#" in text else ""

    def _lift(self, container: Container, above: str) -> str:
        """Give what is read `above` to the first head. Returns what is read after the last key of all."""
        body = container.body
        held: list[int] = []
        for at, (key, item) in enumerate(body):
            if key is None and isinstance(item, Comment | Whitespace):
                held.append(at)
            elif isinstance(item, Table | AoT) and not (key and key.is_dotted()):
                above = self._lift_tables(item, above + _taken(body, held))
                held = []
            elif not isinstance(item, Null):
                held = []
        return above + _taken(body, held)

    def _lift_tables(self, item: Table | AoT, above: str) -> str:
        for table in item.body if isinstance(item, AoT) else [item]:
            if not table.is_super_table():
                self._above.append((table, above + table.trivia.indent))
                above = ""
            above = self._lift(table.value, above)
        return above


def is_unwritten(table: Any) -> bool:
    """There is nothing in it any more, and it has no head that says that it is there."""
    return isinstance(table, Table) and table.is_super_table() and not len(table)


def _taken(body: list[Any], places: list[int]) -> str:
    text = "".join(body[at][1].as_string() for at in places)
    for at in places:
        body[at] = (None, Null())
    return text
