"""Grades: `score IN.csv OUT.csv` weighs the records of a file, `names IN.csv OUT.csv` compares two names a line."""

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from lobby_identity.likeness.grading import name_scores, score_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes OUT.csv."""
    parser = argparse.ArgumentParser(prog="python -m lobby_identity.likeness", description=__doc__)
    parser.add_argument("what", choices=("score", "names"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args(arguments)
    with given.source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if given.what == "score":
        _write(given.target, ("id_a", "id_b", "score"), ((a, b, f"{bits:.4f}") for a, b, bits in score_file(rows)))
    else:
        scored = zip(rows, name_scores(rows), strict=True)
        _write(given.target, (*rows[0], "score"), ((*row.values(), f"{score:.4f}") for row, score in scored))


def _write(target: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
