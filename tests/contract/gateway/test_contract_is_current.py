import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_committed_contract_is_what_the_proto_files_say(tmp_path):
    script = ROOT / "scripts" / "generate_protos.py"
    subprocess.run([sys.executable, script, tmp_path / "src", tmp_path / "contract.binpb"], check=True)
    committed = ROOT / "services" / "gateway" / "src" / "lobby_gateway" / "contract.binpb"
    assert (tmp_path / "contract.binpb").read_bytes() == committed.read_bytes()
