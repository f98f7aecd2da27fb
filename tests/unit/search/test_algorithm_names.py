"""The names a space may give are the algorithms that exist."""

from orchestrator.search import ALGORITHMS
from search_spaces.model import ALGORITHMS as NAMES


def test_names_of_the_space_grammar_are_the_algorithms():
    assert tuple(sorted(ALGORITHMS)) == NAMES
