"""What only says thanks; all else is a message like any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_routing.domain.thanks import is_only_thanks

THANKS = (
    "thanks",
    "Thank you so much!!! 🙏🙏",
    "THANKSSSS",
    "Got it, thank you :)",
    "谢谢",
    "好的，谢谢您！",
    "收到 谢谢亲",
    "謝謝你😊",
    "Спасибо вам за помощь!",
    "дякую",
    "¡Muchas gracias! 🙏🏽",
    "Muito obrigada viu",
    "Terima kasih banyak kak 🙏",
    "makasih yaaa",
    "cảm ơn shop nhiều ạ",
    "cam on nhieu",
    "ขอบคุณมากค่ะ",
    "ขอบคุณครับผม",
    "شكراً جزيلاً",
    "خیلی ممنون",
    "بہت شکریہ",
    "धन्यवाद जी 🙏",
    "bahut bahut dhanyavad ji",
    "ধন্যবাদ ভাই",
    "Çok teşekkür ederim",
    "tesekkurler, iyi günler",
    "ありがとうございます！",
    "はい、ありがとうございました。",
    "네 감사합니다^^",
    "maraming salamat po",
    "תודה רבה",
    "Merci beaucoup, bonne journée",
    "vielen Dank 👍",
    "grazie mille",
    "bedankt!",
    "Dziękuję bardzo",
    "tack",
    "ευχαριστώ πολύ",
    "Mulțumesc frumos",
    "អរគុណច្រើន",
    "ຂອບໃຈຫຼາຍໆ",
)
OTHERS = (
    "",
    "ok",
    "🙏",
    "hello",
    "thanks, when will it arrive?",
    "thanks when will it arrive",
    "gracias?",
    "no thanks",
    "no, gracias",
    "不用谢谢",
    "ไม่ขอบคุณ",
    "yes thanks",
    "thanks 😡",
    "thanks but I need size M",
    "thanks for nothing",
    "thanks in advance",
    "谢谢，什么时候发货",
    "谢谢，多少钱",
    "ok thanks I will pay tomorrow",
    "merci de répondre",
    "thanks 2",
    "thanks https://example.com",
    "thanks Anna",
    "thanksgiving",
    "tak",
    "teşekkürler ama gelmedi",
    "ありがとう、いつ届きますか",
    "cảm ơn shop, còn hàng không",
    "thanks " * 30,
)


@pytest.mark.parametrize("text", THANKS)
def test_thanks_in_many_languages_are_thanks(text):
    assert is_only_thanks(text)


@pytest.mark.parametrize("text", OTHERS)
def test_what_says_anything_else_is_a_message_like_any_other(text):
    assert not is_only_thanks(text)


@given(st.sampled_from(THANKS), st.characters(categories=("Nd", "Sc", "Sm", "Ll")), st.booleans())
def test_thanks_with_a_number_a_sum_or_a_word_that_is_not_known_are_not_only_thanks(text, more, first):
    more = more * 2 + "xq"
    assert not is_only_thanks(f"{more} {text}" if first else f"{text} {more}")


@given(st.sampled_from(THANKS), st.sampled_from(["?", "\uff1f", "\u061f"]))
def test_whoever_asks_does_not_only_thank(text, mark):
    assert not is_only_thanks(text + mark)


@given(st.text(max_size=200))
def test_any_text_is_judged(text):
    assert isinstance(is_only_thanks(text), bool)
