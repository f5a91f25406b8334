"""What is built can be installed, and `twistd` finds it from any folder: wheel, sdist and editable.

Nothing is downloaded: the scratch environments see this one's packages, without its lbtwist.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from twisted.plugins import lbtwist_plugin

import lbtwist

ROOT = Path(__file__).parents[1]
VERSION = lbtwist.__version__
DESCRIPTION = lbtwist_plugin.load_balancer.description
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "build", "dist", "dropin.cache"
)
COMES_WITH = {"pydantic_core": "pydantic"}
"""Packages that another one pins, so that nobody needs to name them."""
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
}

pytestmark = [pytest.mark.slow, pytest.mark.functional]


def run(*command: str | Path, cwd: str | Path = "/") -> str:
    """Run `command` and return what it prints; its failure shows all of that."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, for building leaves files beside the source."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "lbtwist", ignore=NOT_SOURCE))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source)
    return folder


@pytest.fixture(scope="module", params=["wheel", "sdist", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which lbtwist is installed."""
    folder = tmp_path_factory.mktemp(request.param)
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "parent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-index",
    ]
    run(*pip, "--no-deps", "--no-build-isolation", "--ignore-installed", *what(request))
    return python


def what(request: pytest.FixtureRequest) -> list[str | Path]:
    """What pip is to install."""
    if request.param == "editable":
        return ["--editable", request.getfixturevalue("source")]
    pattern = {"wheel": "*.whl", "sdist": "*.tar.gz"}[request.param]
    return list(request.getfixturevalue("built").glob(pattern))


def twistd(python: Path, *arguments: str) -> str:
    return run(python, Path(sysconfig.get_path("scripts"), "twistd"), *arguments)


def test_it_is_the_installed_one_that_is_tested(installed: Path) -> None:
    where = run(installed, "-c", "import lbtwist; print(lbtwist.__version__, lbtwist.__file__)")
    assert where.startswith(f"{VERSION} ")
    assert str(ROOT) not in where


def test_twistd_lists_lb(installed: Path) -> None:
    listed = " ".join(twistd(installed, "--help").split())
    assert f" lb {DESCRIPTION}" in listed


@pytest.mark.skipif(not (ROOT / "lbtwist" / "tap.py").exists(), reason="no options yet")
def test_twistd_shows_the_options_of_lb(installed: Path) -> None:
    shown = twistd(installed, "lb", "--help")
    assert "Usage: " in shown
    assert "--demo" in shown


def test_the_plugin_loads_neither_lbtwist_nor_a_reactor() -> None:
    loaded = run(
        sys.executable, "-c", "import twisted.plugins.lbtwist_plugin, sys; print(*sys.modules)"
    ).split()
    assert "twisted.plugins.lbtwist_plugin" in loaded
    assert not {"lbtwist", "twisted.internet.reactor"} & set(loaded)


def test_the_wheel_holds_the_package_the_plugin_and_the_manual_alone(source: Path, built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {str(path.relative_to(source)) for path in (source / "lbtwist").rglob("*.py")}
    manual = f"lbtwist-{VERSION}.data/data/share/man/man8/lbtwist.8"
    page = {str(path.relative_to(source)) for path in (source / "lbtwist" / "status" / "page").iterdir()}
    assert "lbtwist/status/page/index.html" in page
    assert names == ours | page | {"lbtwist/py.typed", "twisted/plugins/lbtwist_plugin.py", manual}


def test_the_sdist_holds_what_make_test_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "LICENSE", "setup.cfg", "pyproject.toml", ".ci/run", "tests/conftest.py"} <= names
    assert not [name for name in names if name.endswith((".pyc", "dropin.cache"))]


def imported() -> Iterator[str]:
    """The packages outside of the standard library that lbtwist imports."""
    for path in (ROOT / "lbtwist").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            yield from (name.partition(".")[0] for name in names)


def test_every_import_is_a_declared_dependency() -> None:
    declared = {
        re.split(r"[^\w.-]", requirement)[0].lower()
        for requirement in requires("lbtwist") or []
        if "extra ==" not in requirement
    }
    of = packages_distributions()
    for package in set(imported()) - sys.stdlib_module_names - {"lbtwist"}:
        assert {name.lower() for name in of[COMES_WITH.get(package, package)]} & declared, package
