"""What is personal goes out of events; which fields those are is what the contracts say."""

import pytest
from google.protobuf.descriptor import Descriptor

from lobby.connectors.v1 import events_pb2 as connectors_pb
from lobby.events.v1.batch_pb2 import Batch
from lobby.identity.v1 import events_pb2 as identity_pb
from lobby.options.v1 import options_pb2
from lobby.routing.v1 import events_pb2 as routing_pb
from lobby.translate.v1 import events_pb2 as translate_pb
from lobby_common.events.redaction import Whose, clear_personal, digest_of, erased_key, redact
from lobby_common.ids import new_id

PERSONAL = {
    *("chat", "text", "text_start", "display_name", "value", "phone", "platform_message_id"),
    *("click_id", "source_url", "headline"),
}
"""How fields are named in events that hold what a customer is, or wrote."""


def messages(file: object) -> list[Descriptor]:
    return list(file.DESCRIPTOR.message_types_by_name.values())


@pytest.mark.parametrize(
    "message",
    [each for file in (connectors_pb, identity_pb, routing_pb, translate_pb) for each in messages(file)],
    ids=lambda each: each.full_name,
)
def test_the_contract_gives_a_class_to_whatever_in_an_event_is_a_persons(message):
    classless = {
        field.name
        for field in message.fields
        if field.name in PERSONAL and not field.GetOptions().Extensions[options_pb2.personal_data]
    }
    assert classless == set()


def received(message_id: str = "m1", text: str = "secret") -> connectors_pb.MessageReceived:
    return connectors_pb.MessageReceived(
        message_id=message_id,
        account_id="a1",
        chat="66811110000",
        identifiers=[connectors_pb.Identifier(kind="phone", value="+66811110000")],
        text=text,
        display_name="Somchai",
        referral=connectors_pb.Referral(source_type="ad", source_id="ad-1", click_id="c"),
        cards=[connectors_pb.ContactCard(phone="+66811110001", own=True)],
        greeting=True,
    )


def batch(*payloads: object, key: str = "a1/66811110000") -> Batch:
    made = Batch(service="connectors", batch_id=7)
    segment = made.segments.add(lane=3, first=11, count=len(payloads))
    for payload in payloads:
        segment.events.add(id=new_id(), type=payload.DESCRIPTOR.full_name, key=key, payload=payload.SerializeToString())
    return made


def payloads(made: Batch) -> list[object]:
    return [connectors_pb.MessageReceived.FromString(each.payload) for each in made.segments[0].events]


def test_personal_fields_are_empty_at_any_depth_and_the_others_stay():
    message = received()
    clear_personal(message)
    assert message == connectors_pb.MessageReceived(
        message_id="m1",
        account_id="a1",
        identifiers=[connectors_pb.Identifier(kind="phone")],
        referral=connectors_pb.Referral(source_type="ad", source_id="ad-1"),
        cards=[connectors_pb.ContactCard(own=True)],
        greeting=True,
    )


def test_events_of_others_in_a_batch_stay_as_they_are_and_everything_keeps_its_place():
    made = batch(received(), received("m2", "other"))
    ids = [each.id for each in made.segments[0].events]
    before = made.segments[0].events[1].SerializeToString()
    assert redact(made, Whose("a1", frozenset({"m1"}))) == 1
    assert [each.text for each in payloads(made)] == ["", "other"]
    assert [each.id for each in made.segments[0].events] == ids
    assert made.segments[0].events[1].SerializeToString() == before
    assert (made.segments[0].lane, made.segments[0].first, made.segments[0].count) == (3, 11, 2)


def test_without_message_ids_all_events_that_hold_the_needle_are_his():
    made = batch(received(), received("m2", "other"))
    assert redact(made, Whose("m2")) == 1
    assert [each.text for each in payloads(made)] == ["secret", ""]


def test_events_about_no_message_are_known_by_the_digest_of_their_key():
    change = connectors_pb.IdentifierChanged(account_id="a1", chat="66811110000", display_name="Somchai")
    his, other = batch(change), batch(change, key="a1/66899999999")
    whose = Whose("a1", frozenset({"m1"}), frozenset({digest_of("a1/66811110000")}))
    assert (redact(his, whose), redact(other, whose)) == (1, 0)
    assert b"Somchai" not in his.SerializeToString()


def test_redacting_again_changes_nothing():
    made = batch(received())
    redact(made, Whose("a1", frozenset({"m1"})))
    once = made.SerializeToString()
    redact(made, Whose("a1", frozenset({"m1"})))
    assert made.SerializeToString() == once


def test_an_event_that_this_release_does_not_know_stays_as_it_is():
    made = batch(received())
    made.segments[0].events[0].type = "lobby.connectors.v1.NobodyKnowsIt"
    assert redact(made, Whose("a1", frozenset({"m1"}))) == 0


def test_a_key_keeps_what_is_no_address():
    contact_id = new_id()
    assert erased_key(contact_id) == contact_id
    assert erased_key("a1/66811110000") == "a1/erased"
