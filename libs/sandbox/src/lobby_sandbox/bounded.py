"""Memory that cannot grow for ever."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A mapping that forgets its oldest entry when it is full; writing an entry again makes it the newest."""

    def __init__(self, limit: int = 100_000) -> None:
        if limit < 1:
            raise ValueError("a bounded mapping holds at least one entry")
        self._limit = limit
        self._entries: dict[K, V] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value under this key, or None."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """The key holds this value and is the last to be forgotten."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._limit:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value

    def drop(self, key: K) -> V | None:
        """The key is gone; answers what it held."""
        return self._entries.pop(key, None)
