"""What every message asks for is read when the database was started."""

from lobby_identity.app.warming import Warmer
from tests.component.identity.conftest import WA1, wrote


async def test_a_database_is_warmed_once_after_each_start(identity):
    await identity.hear(*(wrote(WA1, f"phone:+8490{n:07}", minutes=n) for n in range(200)))
    warmer = Warmer(identity.pool)
    blocks = await warmer.look()
    sizes = await identity.pool.fetchval(
        "SELECT sum(pg_relation_size(name::regclass)) / 8192 FROM unnest($1::text[]) AS t (name)",
        ["identifier_pkey", "channel_user_pkey", "contact_pkey", "identifier", "channel_user", "contact"],
    )
    assert blocks == sizes > 6
    assert await warmer.look() == 0
    assert await Warmer(identity.pool).look() == blocks
