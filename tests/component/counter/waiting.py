"""What routing tells of customers who wait, as it may happen."""

from datetime import datetime, timedelta
from random import Random

from lobby_common.events import Incoming
from tests.component.counter.story import Story


def tale(random: Random, story: Story, begin: datetime, length: int = 60) -> list[Incoming]:
    """Waits of some customers at two accounts over a few days, in the order in which routing tells of them."""
    told: list[Incoming] = []
    owed: dict[tuple[str, str], datetime] = {}
    now = begin
    for _ in range(length):
        now += timedelta(minutes=random.choice((1, 3, 20, 300)))
        user, account = random.choice("ABCDE"), random.choice(("WA1", "TG1"))
        since = owed.get((user, account))
        agent = random.choice(("ann", "bob", ""))
        match random.choice(("assign", "owe", "owe", "end", "end", "close", "window")):
            case "assign":
                told.append(story.assigns(user, account, agent, now, pool_reason="" if agent else "over_capacity"))
            case "owe":
                since = now - timedelta(minutes=1) if since is None else since - timedelta(seconds=7)
                told.append(story.owes(user, account, since, agent=agent, received=now))
                owed[user, account] = since
            case "end" if since is not None:
                told.append(story.answers(user, account, now, agent=agent, echo=not agent))
                told.append(story.ends_wait(user, account, since, now, agent=agent))
                del owed[user, account]
            case "close" if since is not None:
                reason = random.choice(("resolved", "no_answer_needed"))
                told.append(story.closes(user, account, now, since=since, reason=reason))
                del owed[user, account]
            case "window" if since is not None:
                told.append(story.loses_window(user, account, since, now - timedelta(seconds=30)))
    return told


async def hear(counter, random: Random, told: list[Incoming]) -> None:
    """They come in batches, some of them again."""
    heard = 0
    while heard < len(told):
        some = random.randint(1, 6)
        again = told[max(0, heard - random.randint(0, 4)) : heard]
        await counter.hear(*again, *told[heard : heard + some], *again)
        heard += some
