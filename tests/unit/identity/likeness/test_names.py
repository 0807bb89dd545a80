"""Names of many scripts, read in Latin letters."""

import pytest

from lobby_identity.likeness.grading import name_scores
from lobby_identity.likeness.names import cuts, readings

ALIKE = 0.62


def likeness(latin: str, other: str) -> float:
    return next(name_scores([{"latin": latin, "other": other}]))


@pytest.mark.parametrize(
    ("latin", "other"),
    [
        ("Wang Xiaoming", "王小明"),
        ("Xiaoming Wang", "王小明"),
        ("Wáng Xiǎomíng", "王小明"),
        ("Wang Hsiao-ming", "王小明"),
        ("Chang Chih-wei", "张志伟"),
        ("Hsieh Kuo-liang", "謝國樑"),
        ("Lu Bu", "吕布"),
        ("Lyu Bu", "吕布"),
        ("Lau Tak-wah", "劉德華"),
        ("Chan Kwok-keung", "陳國強"),
        ("Wong Kar-wai", "王家衛"),
        ("Lim Kok Seng", "林国成"),
        ("Muhammad Ali", "محمد علي"),
        ("Mohamed Aly", "محمد علي"),
        ("Abdel Rahman", "عبدالرحمن"),
        ("Abdullah bin Khalid", "عبد الله بن خالد"),
        ("Sara Al-Mansouri", "سارة المنصوري"),
        ("Ali Karimi", "علی کریمی"),
        ("Somchai Jaidee", "สมชาย ใจดี"),
        ("Supaporn Wongsawat", "สุภาภรณ์ วงศ์สวัสดิ์"),
        ("Sergei Iljin", "Сергей Ильин"),
        ("Dmitri Scherbakov", "Дмитрий Щербаков"),
        ("Volodymyr Zelenskyy", "Володимир Зеленський"),
        ("Tran Quoc Bao", "Trần Quốc Bảo"),
        ("Suzuki Ichiro", "鈴木一郎"),
        ("Tanaka Hiroshi", "タナカ ヒロシ"),
        ("Yi Jieun", "이지은"),
        ("Tanaka Taro", "田中太郎"),
        ("Hiroko", "裕子"),
        ("Yuko", "裕子"),
        ("Jun", "ジュン"),
        ("Kim Min-su", "김민수"),
        ("Ivan Petrov", "Иван Петров"),
        ("Alexandre", "Александр"),
        ("Nguyen Van Duc", "Nguyễn Văn Đức"),
        ("Giorgos", "Γιώργος"),
        ("Rahul", "राहुल"),
        ("Somchai", "สมชาย"),
        ("Sarah", "שרה"),
        ("Mueller", "Müller"),
    ],
)
def test_a_name_is_found_again_in_another_script(latin: str, other: str) -> None:
    assert likeness(latin, other) >= ALIKE


@pytest.mark.parametrize("spelling", ["Tan", "Chan", "Chen", "Tran"])
def test_a_chinese_surname_is_known_by_every_spelling_of_its_bearers(spelling: str) -> None:
    assert likeness(spelling, "陳") == likeness(spelling, "陈") == 1.0


@pytest.mark.parametrize(
    ("latin", "other"),
    [
        ("Suzuki", "田中"),
        ("Li Na", "王小明"),
        ("Boris", "Александр"),
        ("Moshe", "שרה"),
        ("Fatima Zahra", "محمد علي"),
        ("Chan Kwok-keung", "劉德華"),
        ("Siriporn Thongchai", "วิชัย บุญมี"),
    ],
)
def test_another_name_is_not(latin: str, other: str) -> None:
    assert likeness(latin, other) < ALIKE


@pytest.mark.parametrize("nothing", ["", "   ", "12345", "🙂🙂", "...", "\x00"])
def test_where_nothing_is_a_letter_there_is_no_name(nothing: str) -> None:
    assert cuts(nothing) == ()


def test_marks_of_indic_and_thai_words_do_not_cut_them() -> None:
    assert [len(cut) for cut in cuts("สมชาย ใจดี")] == [2]


def test_however_long_a_name_is_few_words_and_cuts_are_looked_at() -> None:
    assert all(len(cut) <= 5 for cut in cuts("na " * 1000))
    assert len(cuts("a b c")) <= 4
    assert all(len(reading) <= 200 for reading in readings("x" * 40))
