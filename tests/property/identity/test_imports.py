"""Laws of imports: where a file is left and taken up again, and how its rows are batched, changes nothing."""

import io
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lobby_identity.app.files import OpenFile
from lobby_identity.domain.graph import Edge, components
from lobby_identity.domain.joining import Holder, Named, Row, plan
from lobby_identity.importing import files
from lobby_identity.importing.files import Unreadable
from lobby_identity.store.imports import Settings

START = datetime(2026, 11, 22, tzinfo=UTC)
SETTINGS = Settings(columns=("phone", "name"), has_header=True)
cells = st.text(st.sampled_from('+8490123"\n\r,;x\x00李'), max_size=14)
phones = st.integers(0, 9).map(lambda n: f"+8490123456{n}")
lines = st.lists(st.tuples(phones | cells, cells).map(",".join), min_size=1, max_size=12)


def taken(data: bytes, sizes: list[int], *, again: bool):
    """All rows, in steps of these sizes; each step in a file that was opened anew where asked."""
    rows, invalid, position, ended, step = [], [], 0, False, 0
    opened = OpenFile(io.BytesIO(data), SETTINGS, "")
    opened.start(0)
    while not ended:
        if again:
            opened = OpenFile(io.BytesIO(data), SETTINGS, "")
            opened.start(position)
        read = opened.take(sizes[step % len(sizes)])
        rows += read.staged
        invalid += read.invalid
        position, ended, step = read.last, read.ended, step + 1
    return rows, invalid


@given(lines, st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_file_left_anywhere_and_taken_up_again_gives_the_same_rows(rows, sizes):
    data = "\n".join(["phone,name", *rows]).encode()
    whole = taken(data, [1_000], again=False)
    assert taken(data, sizes, again=False) == whole
    assert taken(data, sizes, again=True) == whole


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda data: b"PK\x03\x04" + data))
def test_whatever_a_file_holds_it_is_read_or_refused(data):
    file = io.BytesIO(data)
    refusals = set()
    try:
        for row, reason in files.read_rows(file, files.dialect_of(file)):
            assert all(isinstance(cell, str) for cell in row)
            assert reason in {"", "BROKEN_QUOTES", "VALUE_TOO_LONG"}
    except Unreadable as unreadable:
        refusals.add(unreadable.reason)
    assert refusals <= {"EMPTY_FILE", "UNREADABLE_FILE"}


named = st.builds(
    lambda kind, n: Named(kind, f"{kind}{n}", f"{kind}{n}"),
    st.sampled_from(["phone", "email", "crm_id"]),
    st.integers(0, 5),
)
rows_of_values = st.lists(st.lists(named, min_size=1, max_size=3, unique=True), min_size=1, max_size=8)


def grouped(rows: list[list[Named]]) -> list[list[Row]]:
    """Rows that share an address, directly or by others."""
    numbers = range(1, len(rows) + 1)
    edges = [
        Edge(f"{one}-{other}", str(one), str(other))
        for one in numbers
        for other in numbers
        if one < other and set(rows[one - 1]) & set(rows[other - 1])
    ]
    parts = components([str(n) for n in numbers], edges)
    groups = [[Row(n, tuple(rows[n - 1])) for n in sorted(map(int, part))] for part in parts]
    return sorted(groups, key=lambda group: group[0].row_number)


holders = st.dictionaries(
    st.tuples(st.sampled_from(["phone", "email", "crm_id"]), st.integers(0, 5)).map(lambda a: (a[0], f"{a[0]}{a[1]}")),
    st.integers(0, 3).map(lambda n: Holder(f"user{n}", f"contact{n}", f"contact{n // 2}", START)),
    max_size=5,
)


@given(rows_of_values, holders, st.booleans())
def test_how_groups_are_batched_changes_nothing(rows, held, link_conflicts):
    groups = grouped(rows)
    whole, count = plan("i", START, groups, held, {}, link_conflicts=link_conflicts, most_bonds=10_000)
    assert count == len(groups)
    parts, ids = [], {}
    roots = {each.channel_user_id: each.root for each in held.values()}
    for group in groups:
        part, _ = plan("i", START, [group], held, ids, link_conflicts=link_conflicts, most_bonds=1)
        parts.append(part)
        for each, user in part.bindings:
            if each.kind == "crm_id" and user in roots:
                ids.setdefault(roots[user], set()).add(each.match_key)
    for name in ("births", "bindings", "bonds", "members", "verdicts"):
        assert getattr(whole, name) == [each for part in parts for each in getattr(part, name)]


@given(rows_of_values, holders, st.booleans())
def test_each_address_has_one_holder_and_every_row_its_verdict(rows, held, link_conflicts):
    made, _ = plan("i", START, grouped(rows), held, {}, link_conflicts=link_conflicts, most_bonds=10_000)
    bound = [named[:2] for named, _ in made.bindings]
    assert len(bound) == len(set(bound))
    assert not set(bound) & held.keys()
    assert sorted(each.row_number for each in made.verdicts) == list(range(1, len(rows) + 1))
    born = {each.channel_user_id for each in made.births}
    assert len(born) == len(made.births)
    assert {user for _, user in made.bindings} <= born | {each.channel_user_id for each in held.values()}


@given(rows_of_values, holders)
def test_no_person_has_two_ids_of_the_own_system_unless_the_importer_says_so(rows, held):
    made, _ = plan("i", START, grouped(rows), held, known_ids(held), link_conflicts=False, most_bonds=10_000)
    edges = [Edge(f"b{n}", *bond) for n, bond in enumerate(made.bonds)]
    contacts = {each.channel_user_id: each.contact_id for each in (*made.births, *held.values())}
    edges += [Edge(f"k{n}", each.contact_id, f"person {each.root}") for n, each in enumerate(held.values())]
    ids = {contacts[user]: set() for _, user in made.bindings}
    for each, user in made.bindings:
        ids[contacts[user]] |= {each.match_key} if each.kind == "crm_id" else set()
    nodes = sorted({*contacts.values(), *(f"person {each.root}" for each in held.values())})
    for person in components(nodes, edges):
        roots = [each.removeprefix("person ") for each in person if each.startswith("person ")]
        before = set().union(*(known_ids(held)[each] for each in roots))
        given = set().union(*(ids.get(each, ()) for each in person))
        assert not given or len(before | given) == 1


def known_ids(held):
    """The ids of the own system by person, as the tables say."""
    ids = {each.root: set() for each in held.values()}
    for (kind, key), each in held.items():
        if kind == "crm_id":
            ids[each.root].add(key)
    return ids


@given(rows_of_values, holders)
def test_rows_without_conflict_and_those_joined_on_demand_are_one_person_a_group(rows, held):
    for group in grouped(rows):
        made, _ = plan("i", START, [group], held, {}, link_conflicts=True, most_bonds=10_000)
        contacts = {each.contact_id for each in made.births}
        roots = {held[each[:2]].root for row in group for each in row.named if each[:2] in held}
        edges = [Edge(str(n), *bond) for n, bond in enumerate(made.bonds)]
        known = [
            Edge(f"k{n}", each.contact_id, each.root)
            for n, each in enumerate(held.values())
            if each.contact_id != each.root
        ]
        nodes = contacts | roots | {each.contact_id for each in held.values() if each.root in roots}
        inside = [each for each in (*edges, *known) if {each.contact_id, each.other_contact_id} <= nodes]
        assert len(list(components(sorted(nodes), inside))) == 1
