import pytest

from lobby_translate.languages import APERTIUM, BERGAMOT, LIBRETRANSLATE, Table, canonical, primary, reads

TABLES = {"apertium": APERTIUM, "bergamot": BERGAMOT, "libretranslate": LIBRETRANSLATE}


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("zh-CN", "zh-Hans"), ("zh", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh-hk", "zh-Hant"), ("zh-Hant-HK", "zh-Hant"),
        ("PT_br", "pt-BR"), ("EN-gb", "en-GB"), ("in", "id"), ("iw", "he"), ("AR-latn", "ar-Latn"),
        ("es-419", "es-419"),
        ("", ""), ("x", ""), ("english!", ""), ("日本", ""),
    ],
)  # fmt: skip
def test_tags_are_written_one_way(tag, expected):
    assert canonical(tag) == expected


@pytest.mark.parametrize("tag", ["zh-Hans", "pt-BR", "en", "ar-Latn", "es-419"])
def test_writing_a_tag_twice_changes_nothing(tag):
    assert canonical(canonical(tag)) == tag


def test_the_primary_language_has_no_script_and_region():
    assert (primary("zh-TW"), primary("pt-BR")) == ("zh", "pt")


def test_a_reader_reads_his_language_from_any_region():
    assert reads(["pt-BR"], "pt")
    assert reads(["en", "pt"], "pt-PT")
    assert not reads(["es"], "pt")


def test_a_reader_of_a_language_reads_it_in_latin_letters_too():
    assert reads(["ar"], "ar-Latn")


def test_who_says_just_zh_reads_both_scripts():
    assert reads(["zh"], "zh-Hant")
    assert reads(["zh"], "zh-Hans")
    assert not reads(["zh-Hans"], "zh-Hant")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_tag_comes_back_from_its_code(table: Table):
    for tag in table.codes:
        code = table.code(tag, table.tags)
        back = table.tag(code)
        assert back == tag or (primary(back) == primary(tag) and table.code(back, table.tags) == code)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_code_leads_to_a_tag_that_leads_back(table: Table):
    for code, tag in table.tags.items():
        assert table.code(tag, {code}) == code


@pytest.mark.parametrize(
    ("code", "tag"), [("pb", "pt-BR"), ("zh", "zh-Hans"), ("zt", "zh-Hant"), ("zh-Hant", "zh-Hant")]
)
def test_libretranslate_s_own_names_are_known(code, tag):
    assert LIBRETRANSLATE.tag(code) == tag


def test_libretranslate_is_asked_with_the_names_it_lists():
    assert LIBRETRANSLATE.code("zh-Hans", {"zh", "zt"}) == "zh"
    assert LIBRETRANSLATE.code("zh-Hans", {"zh-Hans"}) == "zh-Hans"
    assert LIBRETRANSLATE.code("pt-BR", {"pt"}) == "pt"
    assert LIBRETRANSLATE.code("en-GB", {"en"}) == "en"


def test_a_script_is_never_dropped():
    assert LIBRETRANSLATE.code("ar-Latn", LIBRETRANSLATE.tags) == ""
    assert BERGAMOT.code("zh-Hant", BERGAMOT.tags) == ""


def test_apertium_s_names_are_known():
    assert APERTIUM.code("ms", {"zlm"}) == "zlm"
    assert APERTIUM.code("pt-BR", {"por"}) == "por"
    assert APERTIUM.tag("por_BR") == "pt-BR"
