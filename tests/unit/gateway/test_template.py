import pytest

from lobby_gateway.template import Router, parse


@pytest.fixture
def router():
    found = Router()
    for verb, path in [
        ("GET", "/v1/messages/{message_id}"),
        ("POST", "/v1/messages/{message_id}:retry"),
        ("GET", "/v1/messages/{message_id}/journey"),
        ("GET", "/v1/messages/newest"),
    ]:
        found.add(verb, parse(path), f"{verb} {path}")
    return found


def test_a_variable_takes_one_segment(router):
    targets, values = router.find("/v1/messages/abc")
    assert targets == {"GET": "GET /v1/messages/{message_id}"}
    assert values == {"message_id": "abc"}


def test_a_verb_follows_the_last_colon(router):
    targets, values = router.find("/v1/messages/a:b:retry")
    assert "POST" in targets
    assert values == {"message_id": "a:b"}


def test_an_unknown_verb_is_part_of_the_id(router):
    targets, values = router.find("/v1/messages/abc:sing")
    assert "GET" in targets
    assert values == {"message_id": "abc:sing"}


def test_a_literal_wins_over_a_variable(router):
    targets, values = router.find("/v1/messages/newest")
    assert targets == {"GET": "GET /v1/messages/newest"}
    assert values == {}


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/messages/a/b", "/v1/messages/a/journey/", "/v2/messages/a"])
def test_what_is_not_served_is_not_found(router, path):
    assert router.find(path) is None


def test_nothing_is_served_twice(router):
    with pytest.raises(ValueError, match="served twice"):
        router.add("GET", parse("/v1/messages/{other_id}".replace("other", "message")), "again")


@pytest.mark.parametrize("path", ["v1/x", "/v1/{a=b/*}", "/v1/{a}{b}", "/v1/x:1", "/v1//x", "/v1/{A}"])
def test_more_of_the_syntax_than_lobby_uses_is_refused_at_start(path):
    with pytest.raises(ValueError, match=r"serves|literal"):
        parse(path)
