"""What the root pyproject says about the workspace. Standard library only: nothing is installed yet."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
VENV = ROOT / ".venv"


def members() -> list[str]:
    """Folders of all members, in order of dependence."""
    listed: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["lobby"]["members"]
    return listed


def name_of(member: str) -> str:
    """The distribution name a member declares."""
    name: str = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]["name"]
    return name
