"""Lobby's packages with some texts replaced, copied to a folder that comes before the real ones."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Edit:
    """A text of a file of the repository that is replaced by another."""

    file: str
    old: str
    new: str

    @property
    def package(self) -> Path:
        """The package's folder, from the root of the repository: it is copied as a whole."""
        parts = Path(self.file).parts
        return Path(*parts[: parts.index("src") + 2])

    def apply(self, text: str) -> str:
        """Returns the text with the edit. Raises ValueError unless the old text is there exactly once."""
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.file} has {times} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


def write(edits: Iterable[Edit], folder: Path) -> None:
    """The packages that the edits change are in the folder, changed by all of them in order."""
    for edit in edits:
        target = folder / edit.package.name
        if not target.exists():
            shutil.copytree(ROOT / edit.package, target, ignore=shutil.ignore_patterns("__pycache__"))
        path = target / Path(edit.file).relative_to(edit.package)
        path.write_text(edit.apply(path.read_text()))
