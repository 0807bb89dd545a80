"""Who may be one person: suggested with reasons, decided by people, never merged by itself."""

import pytest

from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import suggestion_service_pb2 as pb
from lobby.identity.v1.suggestion_pb2 import SuggestionState
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_identity.app.suggesting import Suggester
from lobby_identity.suggestion_api import SuggestionApi
from tests.component.identity.conftest import LN1, TG1, WA1, WA2, Identity, changed, wrote

REJECTED = SuggestionState.SUGGESTION_STATE_REJECTED
CONFIRMED = SuggestionState.SUGGESTION_STATE_CONFIRMED


class Desk:
    """A supervisor, and the suggester that works for him."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.api = SuggestionApi(identity.log)
        self._suggester = Suggester(identity.log)

    async def weigh(self) -> None:
        while await self._suggester.take():
            pass

    async def ask(self, method, request):
        with self.identity.calls():
            return await method(request, None)

    async def open(self, **more):
        await self.weigh()
        return list((await self.ask(self.api.ListSuggestions, pb.ListSuggestionsRequest(**more))).suggestions)

    async def confirm(self, suggestion, **more):
        request = pb.ConfirmSuggestionRequest(suggestion_id=suggestion.suggestion_id, **more)
        return await self.ask(self.api.ConfirmSuggestion, request)

    async def reject(self, suggestion):
        request = pb.RejectSuggestionRequest(suggestion_id=suggestion.suggestion_id)
        return (await self.ask(self.api.RejectSuggestion, request)).suggestion

    async def reopen(self, suggestion):
        request = pb.ReopenSuggestionRequest(suggestion_id=suggestion.suggestion_id)
        return (await self.ask(self.api.ReopenSuggestion, request)).suggestion


@pytest.fixture
def desk(identity) -> Desk:
    return Desk(identity)


async def crowd(identity: Identity) -> None:
    """Strangers, so that a name can be rare."""
    names = ("Maria", "Nguyen", "Ahmed", "Ivan", "Wei", "Fatima", "Chen", "Ana", "Luis", "Sofia")
    await identity.hear(
        *(
            wrote(WA1, f"phone:+6690000{n:04}", minutes=n, display_name=f"{names[n % 10]} {names[n // 10]}")
            for n in range(100)
        )
    )


async def alike(identity: Identity, name: str = "Kowalczyk Brzezinska", other: str = "Brzezinska Kowalczyk"):
    """One person on WhatsApp and, as far as anybody can tell, on LINE."""
    return await identity.hear(
        wrote(WA1, "phone:+48601234567", minutes=200, display_name=name, country="PL", locale="pl"),
        wrote(LN1, "line_user_id@p:U1", minutes=260, display_name=other, country="PL", locale="pl"),
    )


async def test_the_same_rare_name_is_suggested_with_its_reasons_and_merges_nobody(identity, desk):
    await crowd(identity)
    one, other = await alike(identity)
    [suggestion] = await desk.open()
    assert {suggestion.contact.contact_id, suggestion.other_contact.contact_id} == {one.contact_id, other.contact_id}
    assert suggestion.probability > 0.5
    assert {reason.field for reason in suggestion.reasons} == {"name", "country", "language"}
    assert suggestion.reasons[0].bits == max(reason.bits for reason in suggestion.reasons)
    assert await identity.told(told_pb.ContactMerged) == []


async def test_a_name_is_found_again_in_another_script(identity, desk):
    await crowd(identity)
    await alike(identity, "Александр Ковальчук", "Aleksandr Kovalchuk")
    [suggestion] = await desk.open()
    assert suggestion.reasons[0].field == "name"


async def test_strangers_are_not_suggested(identity, desk):
    await crowd(identity)
    assert await desk.open() == []


async def test_a_typed_phone_that_is_another_contact_s_own_is_evidence(identity, desk):
    await crowd(identity)
    one, _ = await identity.hear(
        wrote(WA2, "phone:+84901234567", minutes=200, display_name="Minh"),
        wrote(TG1, "telegram_id:777", minutes=300, display_name="M", text="my whatsapp is 090 123 4567", country="VN"),
    )
    [suggestion] = await desk.open(contact_id=one.contact_id)
    assert suggestion.reasons[0].field == "phone"
    assert suggestion.reasons[0].level == "equal"


async def shown(identity: Identity, avatar: str, other: str, *, name: str = "Maria", other_name: str = "Maria"):
    """Two people who write on Telegram and on LINE, and show these pictures."""
    one, two = await identity.hear(
        wrote(TG1, "telegram_id:7", minutes=200, display_name=name, country="PL"),
        wrote(LN1, "line_user_id@p:U1", minutes=260, display_name=other_name, country="PL"),
    )
    await identity.hear(
        changed(TG1, current=["telegram_id:7"], minutes=201, avatar_hash=avatar),
        changed(LN1, current=["line_user_id@p:U1"], minutes=261, avatar_hash=other),
    )
    return one, two


async def test_pictures_that_look_alike_are_evidence(identity, desk):
    await crowd(identity)
    one, two = await shown(identity, "0123456789abcdef", "0123456789abcdee")
    [suggestion] = await desk.open()
    assert {suggestion.contact.contact_id, suggestion.other_contact.contact_id} == {one.contact_id, two.contact_id}
    assert {reason.field: reason.level for reason in suggestion.reasons}["avatar"] == "equal"


async def test_a_picture_alone_of_people_with_other_names_is_none(identity, desk):
    await crowd(identity)
    await shown(identity, "0123456789abcdef", "0123456789abcdef", name="Kowalczyk", other_name="Beltrán")
    assert await desk.open() == []


@pytest.mark.parametrize("broken", ["", "0123456789abcde", "0123456789ABCDEF", "\x00" * 16, "0" * 17])
async def test_what_is_no_picture_is_no_evidence(identity, desk, broken):
    await crowd(identity)
    await shown(identity, broken, broken)
    assert await desk.open() == []
    assert await identity.pool.fetchval("SELECT count(*) FROM mention") == 0


async def test_a_picture_that_more_than_three_show_is_an_idol_s_and_no_evidence(identity, desk):
    await crowd(identity)
    await shown(identity, "0123456789abcdef", "0123456789abcdef")
    [_] = await desk.open()
    for number in range(2):
        await identity.hear(
            wrote(WA1, f"phone:+4960123456{number}", minutes=300 + number),
            changed(WA1, current=[f"phone:+4960123456{number}"], minutes=310, avatar_hash="0123456789abcdef"),
        )
    assert await desk.open() == []


async def test_a_phone_that_more_than_five_typed_is_an_office_s_and_no_evidence(identity, desk):
    await crowd(identity)
    await identity.hear(
        *(wrote(TG1, f"telegram_id:{n}", minutes=200 + n, display_name=f"P{n}", text="+84901234567") for n in range(5))
    )
    assert len(await desk.open()) == 10
    await identity.hear(wrote(TG1, "telegram_id:6", minutes=300, display_name="P6", text="+84901234567"))
    assert await desk.open() == []


async def test_confirming_merges_under_who_wrote_first_and_twice_is_once(identity, desk):
    await crowd(identity)
    one, _ = await alike(identity)
    [suggestion] = await desk.open()
    answers = [await desk.confirm(suggestion, request_id="r1") for _ in range(2)]
    assert {answer.contact.contact_id for answer in answers} == {one.contact_id}
    assert {answer.merge.merge_id for answer in answers} == {answers[0].suggestion.merge_id}
    assert (await desk.confirm(suggestion)).suggestion.state == CONFIRMED
    assert len(await identity.told(told_pb.ContactMerged)) == 1
    assert await desk.open() == []


async def test_what_was_undone_is_not_suggested_again(identity, desk):
    await crowd(identity)
    await alike(identity)
    [suggestion] = await desk.open()
    merge_id = (await desk.confirm(suggestion)).merge.merge_id
    await identity.undo(merge_id)
    await identity.hear(wrote(LN1, "line_user_id@p:U1", minutes=400, display_name="Brzezinska"))
    assert await desk.open() == []


async def test_a_rejection_is_remembered_whatever_comes(identity, desk):
    await crowd(identity)
    await alike(identity)
    [suggestion] = await desk.open()
    assert (await desk.reject(suggestion)).state == REJECTED
    assert (await desk.reject(suggestion)).state == REJECTED
    await identity.hear(wrote(LN1, "line_user_id@p:U1", minutes=400, text="+48601234567", locale="pl"))
    assert await desk.open() == []
    with pytest.raises(Conflict, match="rejected"):
        await desk.confirm(suggestion)


async def test_a_rejection_holds_for_everybody_who_is_one_of_the_two_later(identity, desk):
    await crowd(identity)
    one, _ = await alike(identity)
    [suggestion] = await desk.open()
    await desk.reject(suggestion)
    [third] = await identity.hear(wrote(TG1, "telegram_id:5", minutes=500, display_name="Kowalczyk Brzezinska"))
    await identity.merge(one.contact_id, third.contact_id)
    await identity.hear(wrote(TG1, "telegram_id:5", minutes=501, display_name="Brzezinska Kowalczyk"))
    assert await desk.open(contact_id=one.contact_id) == []


async def test_a_rejection_can_be_taken_back(identity, desk):
    await crowd(identity)
    await alike(identity)
    [suggestion] = await desk.open()
    await desk.reject(suggestion)
    await desk.reopen(suggestion)
    assert [each.suggestion_id for each in await desk.open()] == [suggestion.suggestion_id]
    assert (await desk.confirm(suggestion)).suggestion.state == CONFIRMED
    with pytest.raises(Conflict, match="undo its merge"):
        await desk.reopen(suggestion)
    with pytest.raises(Conflict, match="undo its merge"):
        await desk.reject(suggestion)


async def test_strong_evidence_against_a_rejection_is_held_for_a_person_and_never_merges(identity, desk):
    await crowd(identity)
    one, _ = await alike(identity)
    [suggestion] = await desk.open()
    await desk.reject(suggestion)
    await identity.hear(wrote(LN1, "line_user_id@p:U1", minutes=400, own_phone="+48601234567"))
    assert await identity.told(told_pb.ContactMerged) == []
    [held] = await desk.open()
    assert (held.suggestion_id, held.evidence, held.probability) == (suggestion.suggestion_id, "verified_phone", 1)
    assert (await desk.confirm(held)).contact.contact_id == one.contact_id
    assert len(await identity.told(told_pb.ContactMerged)) == 1


async def test_in_bulk_only_what_is_above_the_workspace_s_level_is_confirmed(identity, desk):
    await crowd(identity)
    await alike(identity)
    with pytest.raises(Invalid, match="in bulk"):
        await desk.ask(desk.api.ConfirmSuggestions, pb.ConfirmSuggestionsRequest(min_probability=0.6))
    [suggestion] = await desk.open()
    await desk.ask(desk.api.UpdateSuggestionPolicy, pb.UpdateSuggestionPolicyRequest(least_bulk_probability=0.5))
    done = await desk.ask(desk.api.ConfirmSuggestions, pb.ConfirmSuggestionsRequest())
    assert (done.confirmed, done.left_open) == (1, 0)
    assert len(await identity.told(told_pb.ContactMerged)) == 1
    assert [each.suggestion_id for each in await desk.open(state=CONFIRMED)] == [suggestion.suggestion_id]


async def test_who_is_one_already_is_not_suggested(identity, desk):
    await crowd(identity)
    one, other = await alike(identity)
    [suggestion] = await desk.open()
    await identity.merge(one.contact_id, other.contact_id)
    assert await desk.open() == []
    assert suggestion.contact.contact_id


async def test_a_policy_says_from_when_on_something_is_suggested(identity, desk):
    policy = (await desk.ask(desk.api.GetSuggestionPolicy, pb.GetSuggestionPolicyRequest())).policy
    assert (policy.least_probability, policy.least_bulk_probability) == (0.5, 0.95)
    await desk.ask(desk.api.UpdateSuggestionPolicy, pb.UpdateSuggestionPolicyRequest(least_probability=1))
    await crowd(identity)
    await alike(identity)
    assert await desk.open() == []


async def test_nobody_of_another_workspace_is_ever_named(identity, desk):
    await crowd(identity)
    await alike(identity)
    [suggestion] = await desk.open()
    stranger = Desk(Identity(identity.pool))
    assert await stranger.open() == []
    for method in (stranger.confirm, stranger.reject, stranger.reopen):
        with pytest.raises(NotFound):
            await method(suggestion)


@pytest.mark.parametrize("token", ["x", "bm9wZQ"])
async def test_a_page_token_of_nobody_is_refused(desk, token):
    with pytest.raises(Invalid):
        await desk.open(page_token=token)


async def test_pages_show_every_suggestion_once(identity, desk):
    await crowd(identity)
    await identity.hear(
        *(wrote(TG1, f"telegram_id:{n}", minutes=200 + n, display_name=f"P{n}", text="+84901234567") for n in range(4))
    )
    await desk.weigh()
    seen, token = [], ""
    while True:
        page = await desk.ask(desk.api.ListSuggestions, pb.ListSuggestionsRequest(page_size=2, page_token=token))
        seen += [each.suggestion_id for each in page.suggestions]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 6
