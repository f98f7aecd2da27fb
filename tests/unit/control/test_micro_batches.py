"""Out of memory: in how many parts a trial's batches are computed next, from its failures alone."""

from __future__ import annotations

import pytest

from orchestrator.control.decide import _again
from orchestrator.control.retry import is_final, micro_batches, too_large
from orchestrator.events import Origin, TrialState
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed

SHORT = Failed(FailureKind.OUT_OF_MEMORY, "CUDA out of memory", retryable=True)


def trial(*kinds, retry_from=0):
    failures = [(kind, "") for kind in kinds]
    return TrialState(3, {}, Origin.MODEL, "", 0, 9, failures=failures, retry_from=retry_from)


OUT, LOST = FailureKind.OUT_OF_MEMORY, FailureKind.LOST


@pytest.mark.parametrize(
    ("failures", "parts"), [((), 1), ((LOST,), 1), ((OUT,), 2), ((OUT, LOST, OUT), 4), ((OUT,) * 3, 8), ((OUT,) * 5, 8)]
)
def test_micro_batches_double_with_each_time_that_memory_ran_out(failures, parts):
    assert micro_batches(trial(*failures)) == parts


def test_failures_before_a_persons_retry_do_not_count():
    assert micro_batches(trial(OUT, OUT, retry_from=2)) == 1


def test_memory_running_out_is_final_in_eight_micro_batches():
    assert [is_final(trial(*[OUT] * times), SHORT) for times in range(5)] == [False, False, False, True, True]
    assert too_large(trial(OUT, OUT, OUT), SHORT) == (
        "it does not fit into memory, even in 8 micro-batches: CUDA out of memory"
    )


def test_the_next_segment_says_why_it_is_run_again():
    assert _again(trial(OUT)).reason == "again after out of memory, in 2 micro-batches (attempt 1)"
    assert _again(trial(OUT, LOST)).reason.startswith("continued after lost")
