"""What a soak says of a process: its slope once it is warm, and the files that it keeps open."""

import pytest

from tests.chaos.soak import Sample, growth, slope


def lived(
    *, megabytes_a_minute: float = 0.0, more_files: int = 0, more_processes: int = 0, minutes: int = 30
) -> list[Sample]:
    """A process that took 50 MB more while it became warm."""
    return [
        Sample(
            n / 4,
            100 + min(n, 20) * 2.5 + megabytes_a_minute * n / 4,
            10 + more_files * n // (minutes * 4),
            60 + more_processes * n // (minutes * 4),
        )
        for n in range(minutes * 4)
    ]


@pytest.mark.parametrize(
    ("samples", "is_fine"),
    [
        (lived(), True),
        (lived(megabytes_a_minute=0.9), True),
        (lived(megabytes_a_minute=1.1), False),
        (lived(more_files=20), True),
        (lived(more_files=60), False),
        (lived(more_processes=8), True),
        (lived(more_processes=30), False),
    ],
)
def test_growth_after_the_warm_up_is_what_counts(samples, is_fine):
    assert growth("gateway", 1, samples).is_fine is is_fine


@pytest.mark.parametrize(("more_files", "is_fine"), [(60, True), (229, True), (260, False)])
def test_a_process_that_holds_files_open_on_purpose_holds_no_more_than_it_should(more_files, is_fine):
    assert growth("postgres", 1, lived(more_files=more_files)).is_fine is is_fine


def test_a_short_life_says_nothing():
    assert growth("gateway", 1, lived(minutes=8)) is None


def test_the_slope_is_that_of_the_line():
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope([(1, 7)]) == 0
