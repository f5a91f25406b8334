"""slowhttptest: heads, bodies and reads that take for ever, by a program of others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from benchmarks.programs import program
from torture.scenarios.scenario import Scenario
from torture.site import Site

CONNECTIONS = 500
PROBE = 5
"""Seconds in which its own probe must be answered for it to call the service available."""
KINDS: dict[str, tuple[str, Sequence[str]]] = {
    "-H": ("/small", ("-i", "1", "-x", "24")),
    "-B": ("/post", ("-i", "1", "-x", "10", "-s", "8192")),
    "-X": ("/bulk/2000000", ("-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "1")),
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_AVAILABLE = re.compile(r"service available:\s*(YES|NO)")


class SlowHttpTest(Scenario):
    """Whoever else asks is answered throughout."""

    letter = "slowhttptest"
    title = f"slowhttptest -H, -B and -X at once, with {CONNECTIONS} connections each"
    apart = True  # three at a time take more memory for unread data than a kernel has

    def lacking(self) -> str:
        return "" if program("slowhttptest") else "it is not installed (Debian: apt install slowhttptest)"

    async def fault(self, site: Site) -> None:
        printed = await asyncio.gather(*(_run(kind, site) for kind in KINDS))
        for kind, text in zip(KINDS, printed, strict=True):
            said = _AVAILABLE.findall(text)
            site.tell(f"{kind} available in {said.count('YES')} of {len(said)} looks")
            site.must(bool(said) and set(said) == {"YES"}, f"{kind}: the service was not available: {said}")


async def _run(kind: str, site: Site) -> str:
    """All that it prints."""
    path, more = KINDS[kind]
    host, port = site.proxy.web
    length = str(max(6, round(2 * site.sizes.stalled)))
    words = ["-c", str(CONNECTIONS), "-r", "200", "-l", length, "-p", str(PROBE), *more]
    tested = await asyncio.create_subprocess_exec(
        str(program("slowhttptest")),
        kind,
        *words,
        "-u",
        f"http://{host}:{port}{path}",
        cwd=site.proxy.directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await tested.communicate()
    return _COLOUR.sub("", printed.decode(errors="replace"))
