"""The accounts that were registered with one platform."""

from collections.abc import Sequence

from lobby_sandbox.contract import Account, RefusedError


class Accounts:
    """Found by id and by the token that a call carries; registering an id again replaces it."""

    def __init__(self, required: Sequence[str], token: str) -> None:
        self._required = required
        self._token = token
        self._by_id: dict[str, Account] = {}

    def add(self, account: Account) -> None:
        """The account is known; raises RefusedError when a credential is missing."""
        missing = [name for name in self._required if not account.credentials.get(name)]
        if missing:
            raise RefusedError(f"credentials of {account.platform} lack {', '.join(missing)}")
        self._by_id.pop(account.account_id, None)
        self._by_id[account.account_id] = account

    def get(self, account_id: str) -> Account | None:
        """The account with this id."""
        return self._by_id.get(account_id)

    def with_token(self, token: str | None) -> list[Account]:
        """The accounts that hold this token, the one registered last first."""
        return [account for account in reversed(self._by_id.values()) if account.credentials[self._token] == token]
