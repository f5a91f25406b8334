"""The programs that are run: where they are, of which version, and what is said when one is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
"""Users who are not root often have no sbin in their PATH, where Debian has haproxy and nginx."""
PACKAGES = {
    "haproxy": "haproxy is not compared",
    "nginx": "there are no servers to balance, so only what needs none is measured",
    "wrk": "cases with requests by wrk are left out",
    "iperf3": "cases of bulk are left out",
}
"""The programs, named as their Debian packages, and what follows when one is missing."""
STREAM = "load_module {path};"
_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")
_VERSION = {"haproxy": "-v", "nginx": "-v", "wrk": "-v", "iperf3": "--version"}


def program(name: str) -> str | None:
    """The path of `name`; None where it is not installed."""
    return shutil.which(name, path=SEARCHED)


def twistd() -> str:
    """The one of the environment that this runs in."""
    return str(Path(sysconfig.get_path("scripts")) / "twistd")


def missing() -> list[str]:
    """A line for people for each program that is not there."""
    lines = [
        f"{name} is not installed: {what} (Debian: apt install {name})"
        for name, what in PACKAGES.items()
        if program(name) is None
    ]
    if program("nginx") and nginx_stream() is None:
        lines.append("nginx has no stream module: no tcp with it (Debian: apt install libnginx-mod-stream)")
    return lines


def nginx_stream() -> str | None:
    """What makes nginx balance tcp: a directive, empty where it is built in; None where it can't."""
    for directory in _MODULES:
        module = Path(directory, "ngx_stream_module.so")
        if module.exists():
            return STREAM.format(path=module)
    return "" if re.search(r"--with-stream(\s|$)", _said("nginx", "-V")) else None


def versions() -> dict[str, str]:
    """The version of each program that is there."""
    return {name: version_in(_said(name, option)) for name, option in _VERSION.items() if program(name)}


def version_in(said: str) -> str:
    """The first number with a dot in what a program says of itself."""
    found = re.search(r"\d+\.\d+(?:\.\d+)*", said)
    return found[0] if found else "unknown"


def _said(name: str, option: str) -> str:
    path = program(name)
    assert path is not None
    done = subprocess.run([path, option], capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr
