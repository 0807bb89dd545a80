"""Scores for data that others have labelled: `python -m lobby_identity.likeness` (README).

A file is one population. Nothing but the file and the kinds of its columns is looked at: weights are learned anew.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from lobby_identity.likeness import blocks, learning
from lobby_identity.likeness.comparing import align, similarity
from lobby_identity.likeness.model import COMPARISONS, Model, Record, Weights
from lobby_identity.likeness.names import Name, cuts
from lobby_identity.likeness.population import Chances, Population

Row = Mapping[str, str]

KINDS: Mapping[str, str] = {
    "display_name": "name",
    "given_name": "name",
    "surname": "name",
    "address_1": "text",
    "address_2": "text",
    "city": "text",
    "suburb": "text",
    "country": "exact",
    "state": "exact",
    "date_of_birth": "code",
    "phone_text": "code",
    "postcode": "code",
    "soc_sec_id": "code",
    "street_number": "code",
}
"""Kinds of the columns that labelled files have; columns of kind name are one name."""
_SCHEME = blocks.Scheme(
    towns={"city": "c", "suburb": "c", "postcode": "z"},
    regions={"country": "r", "state": "r"},
    codes={"phone_text": "p", "soc_sec_id": "s", "date_of_birth": "d"},
    bits={},
)
_START_WEIGHTS: Mapping[str, tuple[float, ...]] = {
    "name": (0.8, 0.1, 0.03, 0.02, 0.05),
    "text": (0.8, 0.1, 0.03, 0.02, 0.05),
    "code": (0.85, 0.08, 0.02, 0.01, 0.04),
    "exact": (0.9, 0.025, 0.025, 0.025, 0.025),
}


def score_file(rows: Sequence[Row]) -> Iterator[tuple[str, str, float]]:
    """Yields (id, id, bits) of all candidate pairs; bits above 0 mean rather one person than two.

    Rows have an `id`; a `src` where two lists are linked that have nobody twice each.
    """
    columns = [column for column in KINDS if any(row.get(column) for row in rows)]
    records = [_record(row, columns) for row in rows]
    sources = Counter(row.get("src", "") for row in rows)
    linked = len(sources) > 1
    pairs = list(_candidates(records, [row.get("src", "") for row in rows] if linked else None))
    all_pairs = math.prod(sources.values()) if linked else math.comb(len(rows), 2)
    model = _model(records, columns, 0.5 * len(rows) / all_pairs)
    compared = [model.compare(records[one], records[other]) for one, other in pairs]
    model = learning.learn(model, compared, all_pairs)
    for (one, other), evidence in zip(pairs, compared, strict=True):
        yield rows[one]["id"], rows[other]["id"], model.weigh(evidence).bits


def name_scores(rows: Sequence[Row]) -> Iterator[float]:
    """Yields 0 to 1 for each line with the columns `latin` and `other`: how alike the two names sound."""
    for row in rows:
        yield max((_alike(one, other) for one, other in product(cuts(row["latin"]), cuts(row["other"]))), default=0.0)


def _alike(one: Name, other: Name) -> float:
    """The mean over the words of the longer name; a word that has no partner is like nothing."""
    shorter, longer = sorted((one, other), key=len)
    worths = [[similarity(a, b) for b in longer] for a in shorter]
    return sum(row[place] for row, place in zip(worths, align(worths), strict=True)) / len(longer)


def _record(row: Row, columns: Sequence[str]) -> Record:
    name = " ".join(row[column] for column in columns if KINDS[column] == "name" and row.get(column))
    values = {column: ((row[column],),) for column in columns if KINDS[column] != "name" and row.get(column)}
    return Record(cuts(name), values)


def _model(records: Sequence[Record], columns: Sequence[str], prior: float) -> Model:
    fields = {"name": "name"} | {column: KINDS[column] for column in columns if KINDS[column] != "name"}
    populations: dict[str, Chances] = {
        field: Population(
            (word for record in records if record.names for word in record.names[0])
            if kind == "name"
            else (value for record in records for value in record.values.get(field, ())),
            COMPARISONS[kind],
        )
        for field, kind in fields.items()
    }
    weights: Weights = {field: _START_WEIGHTS[kind] for field, kind in fields.items()}
    return Model(fields, populations, weights, prior)


def _candidates(records: Sequence[Record], sources: Sequence[str] | None) -> Iterator[tuple[int, int]]:
    together = defaultdict(list)
    for place, record in enumerate(records):
        for key in blocks.keys(record, _SCHEME):
            together[key].append(place)
    found = {
        pair
        for members in together.values()
        if len(members) <= blocks.MOST_IN_A_BLOCK
        for pair in combinations(members, 2)
        if sources is None or sources[pair[0]] != sources[pair[1]]
    }
    yield from sorted(found)
