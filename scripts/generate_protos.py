"""Regenerates protos/src and the gateway's contract.binpb: `python scripts/generate_protos.py`.

`python scripts/generate_protos.py FOLDER CONTRACT` writes them elsewhere, to compare them with those here.
Only what is ours and buf/validate is generated; google/api comes from googleapis-common-protos. The contract
is the descriptor set with the comments, which generated code does not keep: the OpenAPI document shows them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import grpc_tools

PROTOS = Path(__file__).resolve().parent.parent / "protos"
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
CONTRACT = PROTOS.parent / "services" / "gateway" / "src" / "lobby_gateway" / "contract.binpb"


def own_sources() -> list[str]:
    """Our .proto files, as imports name them."""
    return [str(file.relative_to(PROTOS)) for file in sorted(PROTOS.glob("lobby/**/*.proto"))]


def protoc(*arguments: str) -> None:
    """The compiler has run with all folders of imports."""
    imports = [f"-I{folder}" for folder in (PROTOS, PROTOS / "vendor", WELL_KNOWN)]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *imports, *arguments], check=True)


def describe(contract: Path) -> None:
    """`contract` holds the descriptors of our files with their comments."""
    protoc(f"--descriptor_set_out={contract}", "--include_source_info", *own_sources())


def generate(target: Path) -> None:
    """Everything in `target` is what the .proto files give, and nothing else is there."""
    for root in ("lobby", "buf"):
        shutil.rmtree(target / root, ignore_errors=True)
    target.mkdir(parents=True, exist_ok=True)
    protoc(
        f"--plugin=protoc-gen-mypy={Path(sys.executable).parent / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
        *own_sources(),
        "buf/validate/validate.proto",
    )
    for file in target.glob("**/*_pb2_grpc.py*"):
        if "_service_pb2_grpc" not in file.name:
            file.unlink()
    for root in ("lobby", "buf"):
        (target / root / "py.typed").touch()


if __name__ == "__main__":
    places = [Path(argument) for argument in sys.argv[1:]] or [PROTOS / "src", CONTRACT]
    generate(places[0])
    for contract in places[1:]:
        describe(contract)
