"""How long a batch loop waits for more work: in proportion to its last batch, nothing when idle (DESIGN §3)."""

from dataclasses import dataclass


@dataclass(slots=True)
class Linger:
    """Clocks itself: a slow batch means load, and under load a larger next batch costs less per event."""

    longest: float
    """Seconds at most."""
    factor: float = 3.0
    """Wait per second of the last batch's work."""
    few: int = 16
    """Events up to which a batch shows no load."""
    _pause: float = 0.0

    def after(self, *, events: int, seconds: float) -> None:
        """A batch of `events` took `seconds`."""
        self._pause = 0.0 if events <= self.few else min(seconds * self.factor, self.longest)

    def idle(self) -> None:
        """There was nothing to do: the next batch goes at once."""
        self._pause = 0.0

    def pause(self) -> float:
        """Returns the seconds to wait before the next batch."""
        return self._pause
