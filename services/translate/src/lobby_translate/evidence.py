"""What translate itself has to show for the proof: the translations that it told are kept with their messages."""

from collections.abc import Collection, Iterable, Sequence

from google.protobuf.message import Message

from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby.translate.v1.translation_pb2 import TRANSLATION_STATUS_TRANSLATED
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_translate import store
from lobby_translate.store import ToldTranslation


class OwnTranslations:
    """Holds what translate told last of each message against what it keeps.

    Only a translation has something to show: a text that needs none, and one that could not be translated, do not. What
    was told before the last version may be gone: with another wording all that was made of the old one is.
    """

    handles: tuple[type[Message], ...] = (MessageTranslated,)
    evident = handles

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the events whose message has this version, and not the translation told with it."""
        told = list(_translations(events))
        return await store.find_untranslated(conn, told) if told else ()

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The translations are there as they were told."""
        told = list(_translations(events))
        await store.lock_messages(tx.conn, {each.message_id for each in told})
        await store.restore_translations(tx.conn, told)


def _translations(events: Iterable[Incoming]) -> Iterable[ToldTranslation]:
    for each in events:
        said = each.payload
        assert isinstance(said, MessageTranslated)
        made = said.translation
        if made.status == TRANSLATION_STATUS_TRANSLATED:
            yield ToldTranslation(each.event.id, said.message_id, said.version, made.language, made.text, made.provider)
