"""Bytes to rows: encodings, separators, quotes that nobody closes, workbooks."""

import io
import zipfile

import openpyxl
import pytest

from lobby_identity.importing import files
from lobby_identity.importing.files import Unreadable

TEXT = "姓名,手机\n王伟,13800138000\nJosé,+34600000000\n"


def read(data: bytes, encoding: str = "") -> list[tuple[list[str], str]]:
    file = io.BytesIO(data)
    return [(list(cells), reason) for cells, reason in files.read_rows(file, files.dialect_of(file, encoding))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_the_encoding_is_found_out(encoding):
    assert read(TEXT.encode(encoding)) == [
        (["姓名", "手机"], ""),
        (["王伟", "13800138000"], ""),
        (["José", "+34600000000"], ""),
    ]


def test_an_encoding_that_cannot_be_told_apart_is_named():
    assert read("nome;fone\nJoão;1\n".encode("cp1252"), "windows-1252")[1] == (["João", "1"], "")


def test_a_few_broken_bytes_leave_a_text_in_its_encoding():
    rows = read(TEXT.encode() * 20 + b"\xff\xfe\xff,1\n")
    assert rows[0] == (["姓名", "手机"], "")
    assert "\ufffd" in rows[-1][0][0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(delimiter):
    assert read(f"a{delimiter}b, c\n1{delimiter}2\n".encode())[1] == (["1", "2"], "")


def test_the_line_that_names_the_separator_is_no_row():
    assert read(b"sep=;\r\na;b\r\n1,2;3\r\n") == [(["a", "b"], ""), (["1,2", "3"], "")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_every_way(end):
    assert len(read(end.join(["a,b", "1,2", "3,4", ""]).encode())) == 3


def test_a_quote_that_nobody_closes_costs_its_own_row_only():
    rows = read(b'a,b\n"1,2\n3,4\n"5\n6",7\n"8"x,9\n10,11\n')
    assert rows == [
        (["a", "b"], ""),
        ([], "BROKEN_QUOTES"),
        (["3", "4"], ""),
        (["5\n6", "7"], ""),
        ([], "BROKEN_QUOTES"),
        (["10", "11"], ""),
    ]


def test_a_line_without_end_is_one_row():
    rows = read(b"a,b\n" + b"x" * 1_000_000 + b"\n1,2\n")
    assert rows == [(["a", "b"], ""), ([], "VALUE_TOO_LONG"), (["1", "2"], "")]


def test_nul_is_a_broken_sign():
    assert read(b"a,b\n1\x002,3\n")[1] == (["1\ufffd2", "3"], "")


def workbook(*rows) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_workbook_gives_texts_and_never_what_a_formula_came_to():
    rows = read(workbook(("Phone", "id"), (84901234567, 1.5), (None, "=1+1"), (123456789012345678.0, True)))
    assert rows == [
        (["Phone", "id"], ""),
        (["84901234567", "1.5"], ""),
        (["", "=1+1"], ""),
        (["1.234567890123457e+17", "True"], ""),
    ]


def test_what_only_looks_like_a_workbook_cannot_be_read():
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    for data in (b"PK\x03\x04", other.getvalue(), workbook(("a",))[:-100]):
        with pytest.raises(Unreadable, match="UNREADABLE_FILE"):
            read(data)


def test_a_workbook_that_unpacks_to_too_much_is_not_read(monkeypatch):
    monkeypatch.setattr(files, "_LARGEST_UNPACKED", 1_000)
    with pytest.raises(Unreadable, match="FILE_TOO_LARGE"):
        read(workbook(("a",)))


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe\n\x00"])
def test_a_file_without_a_sign_is_empty(data):
    with pytest.raises(Unreadable, match="EMPTY_FILE"):
        read(data)
