"""The list of mutants is current: what each changes is there, once."""

import pytest

from tests.chaos.checker import INVARIANTS
from tests.chaos.mutations.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_what_is_there(mutant, tmp_path):
    mutant.write(tmp_path)
    assert mutant.expected <= INVARIANTS.keys()
