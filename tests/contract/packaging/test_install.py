"""Each service installs alone, from built packages: nothing missing, nothing of the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
SERVICES = ("gateway", "connectors", "identity", "routing", "counter", "translate")
SHARED = {"lobby-common", "lobby-protos"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def run(*command):
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(folder, *members):
    """The Python of a new environment with these members, built and not editable."""
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    pins = ROOT / "constraints.txt"
    run(UV, "pip", "install", "--quiet", "--python", python, "-c", pins, "-b", pins, *(f"./{each}" for each in members))
    return python


def files_of(folder):
    """What a package consists of, without what Python or a person leaves behind."""
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module", params=SERVICES)
def installed(request, tmp_path_factory):
    service = request.param
    python = install(tmp_path_factory.mktemp(service) / "env", "protos", "libs/common", f"services/{service}")
    return service, python


def test_a_service_brings_no_other_part_of_lobby(installed):
    service, python = installed
    names = {line.partition("==")[0] for line in run(UV, "pip", "freeze", "--python", python).splitlines()}
    ours = {name.partition(" @ ")[0] for name in names if name.startswith("lobby-")}
    assert ours == {*SHARED, f"lobby-{service}"}


def test_a_built_service_holds_every_file_of_the_checkout(installed):
    service, python = installed
    [built] = python.parents[1].glob(f"lib/python*/site-packages/lobby_{service}")
    assert files_of(built) == files_of(ROOT / "services" / service / "src" / f"lobby_{service}")


def test_the_built_contracts_hold_every_file_of_the_checkout(installed):
    _, python = installed
    [site] = python.parents[1].glob("lib/python*/site-packages")
    for root in ("lobby", "buf"):
        assert files_of(site / root) == files_of(ROOT / "protos" / "src" / root)


def test_every_module_of_a_service_imports_with_what_it_declares(installed):
    service, python = installed
    program = (
        "import importlib, pkgutil, sys\n"
        "package = importlib.import_module(sys.argv[1])\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
    )
    run(python, "-c", program, f"lobby_{service}")
