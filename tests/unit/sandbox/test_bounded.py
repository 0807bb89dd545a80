import pytest

from lobby_sandbox.bounded import Bounded


def test_the_oldest_entry_is_forgotten_first():
    memory = Bounded[str, int](2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (None, 2, 3)


def test_an_entry_written_again_is_the_newest():
    memory = Bounded[str, int](2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.put("a", 3)
    memory.put("c", 4)
    assert "b" not in memory
    assert memory.get("a") == 3


def test_a_dropped_entry_tells_what_it_was():
    memory = Bounded[str, int]()
    memory.put("a", 1)
    assert memory.drop("a") == 1
    assert memory.drop("a") is None
    assert len(memory) == 0


def test_a_memory_of_nothing_makes_no_sense():
    with pytest.raises(ValueError, match="at least one"):
        Bounded[str, int](0)
