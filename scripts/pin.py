"""`constraints.txt` pins every package that the members and the development tools need, without addresses.

Existing pins are kept where they still fit; `--upgrade` takes the latest releases.
"""

import subprocess
import sys

from workspace import CONSTRAINTS, ROOT, VENV, members, name_of


def main() -> None:
    """Writes constraints.txt."""
    requirements = "".join(f"-e ./{member}\n" for member in members())
    command = [str(VENV / "bin" / "uv"), "pip", "compile", "-", "--quiet", "--group", "pyproject.toml:dev"]
    command += ["--universal", "--python-version", "3.11", "--no-annotate", "--no-header"]
    for member in members():
        # Members are installed from the checkout; a pin of theirs would name a folder of this machine.
        command += ["--no-emit-package", name_of(member)]
    command += ["--output-file", str(CONSTRAINTS), *sys.argv[1:]]
    subprocess.run(command, cwd=ROOT, input=requirements, text=True, check=True)


if __name__ == "__main__":
    main()
