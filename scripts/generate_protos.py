"""Regenerates protos/src from the .proto files: `python scripts/generate_protos.py [FOLDER]`.

Only what is ours and buf/validate is generated; google/api comes from googleapis-common-protos.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import grpc_tools

PROTOS = Path(__file__).resolve().parent.parent / "protos"
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def generate(target: Path) -> None:
    """Everything in `target` is what the .proto files give, and nothing else is there."""
    for root in ("lobby", "buf"):
        shutil.rmtree(target / root, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    sources = [str(file.relative_to(PROTOS)) for file in sorted(PROTOS.glob("lobby/**/*.proto"))]
    sources.append("buf/validate/validate.proto")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTOS}",
            f"-I{PROTOS / 'vendor'}",
            f"-I{WELL_KNOWN}",
            f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
            f"--python_out={target}",
            f"--grpc_python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--mypy_grpc_out=quiet:{target}",
            *sources,
        ],
        check=True,
    )
    for file in target.glob("**/*_pb2_grpc.py*"):
        if "_service_pb2_grpc" not in file.name:
            file.unlink()
    for root in ("lobby", "buf"):
        (target / root / "py.typed").touch()


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS / "src")
