"""What columns hold, by their names and by what stands in them."""

from datetime import UTC, datetime

import pytest

from lobby_identity.domain.attributes import Attribute
from lobby_identity.domain.joining import Said
from lobby_identity.importing.columns import guess
from lobby_identity.importing.rows import Meaning, OfAttribute, read_row

P, N, E, C, ID, T, X = (
    Meaning.PHONE, Meaning.NAME, Meaning.EMAIL, Meaning.COUNTRY, Meaning.CRM_ID, Meaning.TAGS, Meaning.IGNORED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("header", "meanings"),
    [
        (["Phone Number", "Full name", "E-mail", "Country", "Customer ID", "Tags"], (P, N, E, C, ID, T)),
        (["姓名", "手机号码", "邮箱", "国家", "客户编号", "标签"], (N, P, E, C, ID, T)),
        (["電話番号", "氏名", "メールアドレス"], (P, N, E)),
        (["Номер телефона", "ФИО", "Эл. почта", "Страна", "Метки"], (P, N, X, C, T)),
        (["Telefone", "Nome completo", "E-mail", "País", "Código", "Etiquetas"], (P, N, E, C, ID, T)),
        (["Số điện thoại", "Họ và tên", "Quốc gia", "Mã khách hàng"], (P, N, C, ID)),
        (["Nomor HP", "Nama"], (P, N)),
        (["เบอร์โทรศัพท์", "ชื่อลูกค้า"], (P, N)),
        (["phone 1", "phone 2", "first name", "last name"], (P, P, N, N)),
        (["id", "customer id", "note"], (ID, X, X)),
    ],
)
def test_names_of_columns_are_known_in_many_languages(header, meanings):
    found = guess([header, ["x"] * len(header)], "")
    assert (found.has_header, found.meanings) == (True, meanings)


def test_content_decides_where_names_do_not():
    rows = [["a", "b", "c"], ["Lan", "0901234567", "lan@x.vn"], ["Som", "0901234568", "som@x.vn"]]
    found = guess(rows, "VN")
    assert (found.has_header, found.meanings) == (True, (X, P, E))


def test_a_file_without_header_is_one():
    found = guess([["Lan", "+84901234567"], ["Som", "+84901234568"]], "")
    assert (found.has_header, found.meanings) == (False, (X, P))


def test_a_single_row_is_one_of_values():
    assert guess([["+84901234567"]], "").meanings == (P,)


def test_a_column_of_phones_is_one_whatever_it_is_called():
    assert guess([["Customer", "Tag"], ["+84901234567", "vip"]], "").meanings == (P, T)


def test_the_importer_says_whether_there_is_a_header():
    assert guess([["phone"], ["+84901234567"]], "", has_header=False).has_header is False


def test_the_country_of_a_row_goes_before_the_default():
    row = read_row(1, ["0812345678", "th", "Som"], (P, C, N), "VN")
    assert (row.named[0].value, row.country, row.display_name) == ("+66812345678", "TH", "Som")


def test_an_unknown_country_is_left_out_with_its_reason():
    row = read_row(1, ["0901234567", "Viet Nam"], (P, C), "VN")
    assert (row.named[0].value, row.country, row.reasons) == ("+84901234567", "", ("INVALID_COUNTRY",))


def test_names_in_two_columns_are_one_name():
    assert read_row(1, ["+84901234567", "Lan", "Nguyen"], (P, N, N), "").display_name == "Lan Nguyen"


def test_a_cell_that_is_longer_than_any_is_left_out():
    row = read_row(1, ["+84901234567", "n" * 10_001], (P, N), "")
    assert (row.display_name, row.reasons) == ("", ("VALUE_TOO_LONG",))


def attribute(name: str, kind: str = "text", display_name: str = "") -> Attribute:
    return Attribute(name, kind, display_name or name, datetime(2026, 11, 22, tzinfo=UTC))


def test_names_of_attributes_are_known_but_not_before_those_that_every_file_may_have():
    own = [attribute("tier", "number", "Хороший клиент"), attribute("phone"), attribute("name2"), attribute("note")]
    header = ["phone", "ХОРОШИЙ КЛИЕНТ", "Tier", "name 2", "name 3", "Note"]
    tier = OfAttribute("tier", "number")
    meanings = guess([header, ["x"] * 6], "", attributes=own).meanings
    assert meanings == (P, tier, X, OfAttribute("name2", "text"), N, OfAttribute("note", "text"))


def test_a_name_of_an_attribute_makes_a_header():
    found = guess([["a", "tier"], ["b", "gold"]], "", attributes=[attribute("tier")])
    assert (found.has_header, found.meanings) == (True, (X, OfAttribute("tier", "text")))


def test_a_value_that_is_none_is_left_out_with_its_reason_and_the_others_are_taken():
    columns = (P, OfAttribute("orders", "number"), OfAttribute("tier", "text"), OfAttribute("member", "boolean"))
    row = read_row(1, ["+84901234567", "2,5", " gold ", "YES"], columns, "")
    assert row.reasons == ("INVALID_NUMBER",)
    assert row.said == (Said("tier", "text", "gold"), Said("member", "boolean", "true"))
