"""Random configuration files in the forms that people write, and random changes of what they say."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lbtwist.model.config.changes import Changes, KeyPath, LiveChange

NAMES = ("app", "api")
SERVERS = ("s1", "s2", "s3")


def address(name: str, group: str) -> str:
    return f"10.0.{NAMES.index(group)}.{name.removeprefix('s')}:80"


@st.composite
def files(draw: DrawFn) -> str:
    """A file; each comment in it has another number."""
    return _File(draw).text()


class _File:
    """One file being written."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self._comments = 0

    def text(self) -> str:
        tables = [self._load_balancer(), self._listener("web")]
        tables += [self._group(name) for name in NAMES if name == "app" or self._flip()]
        tables += [self._listener("admin")] if self._flip() else []
        order = self._draw(st.permutations(tables)) if self._flip() else tables
        return self._remark() + self._gap().join(order) + self._remark()

    def _flip(self) -> bool:
        return self._draw(st.booleans())

    def _gap(self) -> str:
        return self._draw(st.sampled_from(["\n", "\n\n", ""]))

    def _remark(self) -> str:
        """Comments on lines of their own, or none."""
        return "".join(f"{self._comment()}\n" for _ in range(self._draw(st.integers(0, 2))))

    def _comment(self) -> str:
        self._comments += 1
        return f"# note {self._comments}."

    def _end(self) -> str:
        return f"  {self._comment()}\n" if self._draw(st.integers(0, 3)) == 0 else "\n"

    def _line(self, key: str, value: str) -> str:
        equals = self._draw(st.sampled_from([" = ", "=", "  = "]))
        return f"{self._remark() if self._flip() else ''}{key}{equals}{value}{self._end()}"

    def _head(self, path: str) -> str:
        return f"{self._remark()}[{path}]{self._end()}"

    def _load_balancer(self) -> str:
        return self._head("load_balancer") + self._line("name", '"edge"')

    def _listener(self, name: str) -> str:
        port = 8080 if name == "web" else 8081
        lines = [self._line("endpoint", f'"127.0.0.1:{port}"'), self._line("protocol", "'tcp'")]
        lines.append(self._line("server_group", '"app"'))
        if self._flip():
            lines.append(self._line("idle_timeout", self._draw(st.sampled_from(['"5m"', "60", "60.0"]))))
        return self._head(f"listeners.{name}") + "".join(lines)

    def _group(self, name: str) -> str:
        inner = [self._servers(name)]
        own = self._head(f"server_groups.{name}")
        if self._flip():
            own += self._line("retries", "1")
        if self._flip():
            own += self._line("connection_draining.timeout", '"30s"')
        elif self._flip():
            inner.append(
                self._head(f"server_groups.{name}.connection_draining") + self._line("timeout", "30")
            )
        if self._flip():
            inner.append(self._head(f"server_groups.{name}.health_check") + self._line("interval", "9"))
        if not inner[0].lstrip().startswith(("#", "[")) or "\n[" not in f"\n{inner[0]}":
            own += inner.pop(0)
        return own + "".join(self._draw(st.permutations(inner)))

    def _servers(self, group: str) -> str:
        """In one of the forms that there are."""
        names = self._draw(st.lists(st.sampled_from(SERVERS), unique=True, min_size=1))
        form = self._draw(st.integers(0, 5))
        if form == 0:
            return self._line("servers", "[" + ", ".join(f'"{address(n, group)}"' for n in names) + "]")
        if form == 1:
            lines = "".join(f'{self._remark()}  "{address(n, group)}",{self._end()}' for n in names)
            return self._line("servers", f"[\n{lines}]")
        if form == 2:
            return self._line(
                "servers", "{ " + ", ".join(f'{n} = "{address(n, group)}"' for n in names) + " }"
            )
        if form == 3:
            return "".join(self._line(f"servers.{n}", f'"{address(n, group)}"') for n in names)
        if form == 4:
            return "".join(
                self._head(f"server_groups.{group}.servers.{n}")
                + self._line("address", f'"{address(n, group)}"')
                + (self._line("weight", "50") if self._flip() else "")
                for n in names
            )
        lines = "".join(self._line(n, self._server(n, group)) for n in names)
        return self._head(f"server_groups.{group}.servers") + lines

    def _server(self, name: str, group: str) -> str:
        where = address(name, group)
        return self._draw(
            st.sampled_from(
                [f'"{where}"', f'{{ address = "{where}", weight = 50 }}', f"{{address='{where}'}}"]
            )
        )


def changes() -> SearchStrategy[Changes]:
    """What operators do: keys set and taken away, servers and whole tables that come and go."""
    one = st.one_of(
        _keys(("load_balancer",), {"name": ["other"], "zone": ["b"]}),
        _keys(("listeners", "web"), {"idle_timeout": [7, "1h"], "max_connections": [5]}),
        *(_of_group(name) for name in NAMES),
    )
    return st.lists(one, min_size=1, max_size=5).map(dict)


def _of_group(name: str) -> SearchStrategy[tuple[KeyPath, LiveChange]]:
    group = ("server_groups", name)
    server = st.sampled_from(SERVERS)
    return st.one_of(
        _keys(group, {"retries": [3], "scheduler": ["wlc"]}),
        _keys((*group, "health_check"), {"interval": [4], "timeout": [2]}),
        _keys((*group, "connection_draining"), {"timeout": ["never", 5]}),
        st.just(((*group, "health_check"), LiveChange(None))),
        server.map(lambda s: ((*group, "servers", s), LiveChange({"address": address(s, name)}))),
        server.map(lambda s: ((*group, "servers", s), LiveChange(None))),
        server.map(lambda s: ((*group, "servers", address(s, name)), LiveChange(None))),
        server.map(
            lambda s: ((*group, "servers", s), LiveChange({"address": address(s, name), "weight": 7}))
        ),
    )


def _keys(table: KeyPath, values: dict[str, list[object]]) -> SearchStrategy[tuple[KeyPath, LiveChange]]:
    """One of these keys, with one of its values or taken away."""
    every = [((*table, key), LiveChange(value)) for key, each in values.items() for value in (*each, None)]
    return st.sampled_from(every)
