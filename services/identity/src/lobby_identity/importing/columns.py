"""What the columns of a file hold: by the names in its first row, else by what stands in them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lobby_identity.domain.attributes import Attribute
from lobby_identity.domain.identifiers import EMAIL, PHONE
from lobby_identity.domain.joining import Named
from lobby_identity.importing import values
from lobby_identity.importing.rows import Column, Meaning, OfAttribute

SAMPLE_ROWS = 200
_MOST_OF_A_COLUMN = 0.6
"""So many of a column's values have to be of a kind for the column to be of it."""
_FEWEST_DIGITS = 7

_WORDS: Mapping[Meaning, str] = {
    Meaning.PHONE: (
        "phone phones phonenumber phoneno mobile mobilephone mobilenumber cell cellphone tel telephone telno "
        "whatsapp whatsappnumber whatsappphone wa waid msisdn number contactnumber 电话 电话号码 手机 手机号 "
        "手机号码 联系电话 联系方式 号码 電話 電話番号 電話號碼 手機 手機號碼 携帯 携帯電話 전화 전화번호 휴대폰 "
        "휴대전화 телефон телефоны номер номертелефона мобильный моб telefone telefones celular fone telefono "
        "telefonos movil numero telefon handy telefonnummer handynummer telefone1 téléphone portable mobil "
        "điệnthoại sốđiệnthoại sđt sdt dienthoai nomorhp nohp hp telepon nomortelepon เบอร์โทร เบอร์โทรศัพท์ "
        "โทรศัพท์ เบอร์ هاتف رقم الهاتف رقمالهاتف جوال الجوال फोन मोबाइल "
    ),
    Meaning.NAME: (
        "name fullname displayname customername clientname contactname firstname lastname surname givenname "
        "familyname customer client nickname 姓名 名字 名称 客户 客户名称 客户姓名 昵称 姓 名 姓名稱 客戶 氏名 "
        "名前 이름 성명 имя фио клиент фамилия имяклиента nome nomecompleto sobrenome cliente nombre "
        "nombrecompleto apellido apellidos nom prénom prenom vorname nachname kunde tên họtên họvàtên ten hoten "
        "khachhang tênkháchhàng nama namalengkap ชื่อ ชื่อลูกค้า ชื่อนามสกุล اسم الاسم नाम "
    ),
    Meaning.EMAIL: (
        "email emails mail emailaddress mailaddress 邮箱 电子邮箱 电子邮件 邮件 郵箱 電子郵件 信箱 メール "
        "メールアドレス 이메일 почта электроннаяпочта эпочта correo correoelectronico correioeletronico courriel "
        "adressemail อีเมล البريدالإلكتروني بريد ईमेल thưđiệntử "
    ),
    Meaning.COUNTRY: (
        "country countrycode countryiso region 国家 国家代码 国 國家 国名 국가 나라 страна pais país pays land "
        "quốcgia quocgia negara ประเทศ دولة الدولة देश "
    ),
    Meaning.CRM_ID: (
        "id crmid crm customerid clientid userid contactid externalid customerno customernumber memberid "
        "membershipid uid leadid 客户id 客户编号 编号 会员号 会员编号 用户id 顧客id 顧客番号 고객번호 고객id код "
        "кодклиента idклиента codigo código codigocliente idcliente kundennummer kundenid mãkháchhàng makh "
        "รหัสลูกค้า "
    ),
    Meaning.TAGS: (
        "tag tags label labels segment segments group groups category 标签 分组 標籤 タグ 태그 тег теги метки "
        "метка etiqueta etiquetas etiquette étiquettes nhãn thẻ แท็ก وسم "
    ),
}


def _folded(text: str) -> str:
    """Returns a name as it is compared: letters and digits, without case and accents."""
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in text if each.isalnum())


_MEANINGS = {_folded(word): meaning for meaning, words in _WORDS.items() for word in words.split()}
_TRAILING_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class Columns:
    """How the rows of a file are understood."""

    has_header: bool
    meanings: tuple[Column, ...]


def guess(
    sample: Sequence[Sequence[str]],
    default_country: str,
    *,
    has_header: bool | None = None,
    attributes: Sequence[Attribute] = (),
) -> Columns:
    """Returns what the columns hold, from the first rows of a file and the attributes of the workspace."""
    own = {
        _folded(name): OfAttribute(each.name, each.kind)
        for each in attributes
        for name in (each.display_name, each.name)
    }
    width = max(map(len, sample), default=0)
    first = list(sample[0]) if sample else []
    named = [_by_name(each, own) for each in first] + [None] * (width - len(first))
    contents = [
        [row[place].strip() for row in sample[1:] if place < len(row) and row[place].strip()] for place in range(width)
    ]
    kinds = [_by_content(each, default_country) for each in contents]
    if has_header is None:
        has_header = _is_header(first, named, kinds, default_country)
    if not has_header:
        named = [None] * width
        # With one row only there is nothing below the first.
        kinds = [
            kinds[place] or _by_content([first[place].strip()] if place < len(first) else [], default_country)
            for place in range(width)
        ]
    return Columns(has_header, tuple(_chosen(named, kinds)))


def _by_name(header: str, own: Mapping[str, OfAttribute]) -> Column | None:
    """A word that every file may have comes before a name of the workspace's own."""
    folded = _folded(header)
    return _MEANINGS.get(folded) or own.get(folded) or _MEANINGS.get(_TRAILING_NUMBER.sub("", folded))


def _by_content(cells: Sequence[str], default_country: str) -> Meaning | None:
    """Returns phone or e-mail where most of the values are of that kind; ids and names cannot be told apart."""
    if not cells:
        return None
    for meaning, kind in ((Meaning.EMAIL, EMAIL), (Meaning.PHONE, PHONE)):
        fitting = sum(_is_of_kind(each, kind, default_country) for each in cells)
        if fitting >= len(cells) * _MOST_OF_A_COLUMN:
            return meaning
    return None


def _is_of_kind(cell: str, kind: str, default_country: str) -> bool:
    if kind == EMAIL:
        return "@" in cell and any(isinstance(each, Named) for each in values.read_emails(cell))
    digits = sum(each.isdigit() for each in cell)
    if digits < _FEWEST_DIGITS:
        return False
    return any(isinstance(each, Named) for each in values.read_phones(cell, default_country))


def _is_header(
    first: Sequence[str], named: Sequence[Column | None], kinds: Sequence[Meaning | None], default_country: str
) -> bool:
    """The first row names columns: by words that are known, or where it differs in kind from what is below it."""
    own = [_by_content([each.strip()], default_country) if each.strip() else None for each in first]
    if any(own):
        return False
    if any(named):
        return True
    return any(kinds)


def _chosen(named: Sequence[Column | None], kinds: Sequence[Meaning | None]) -> list[Column]:
    """A name decides, and content where there is none; a person has one country, one id, one value of an attribute."""
    chosen: list[Column] = []
    for name, kind in zip(named, kinds, strict=True):
        meaning = name or kind or Meaning.IGNORED
        if kind is not None and meaning in _CONTRADICTED:
            meaning = kind
        if (meaning in _ONCE or isinstance(meaning, OfAttribute)) and meaning in chosen:
            meaning = Meaning.IGNORED
        chosen.append(meaning)
    return chosen


_ONCE = frozenset({Meaning.COUNTRY, Meaning.CRM_ID})
_CONTRADICTED = frozenset({Meaning.NAME, Meaning.TAGS, Meaning.COUNTRY})
"""A column of phones that is called "contact" is one of phones all the same."""
