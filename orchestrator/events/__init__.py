"""A study as data: the events of its log, the plan they follow, and the state they fold into.

What may come in: frozen values and pure functions over them. No clock, file, database or process.
"""

from orchestrator.events.given import NO_LIMIT, Asked, EarlierResult, Limits, Teacher
from orchestrator.events.keep import Keep
from orchestrator.events.log import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    NodeSetAside,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentPlaced,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
    event_from_json,
    event_to_json,
)
from orchestrator.events.plan import Bracket, Plan
from orchestrator.events.state import Checkpoint, Running, StudyState, TrialState, TrialStatus, fold

__all__ = [
    "NO_LIMIT",
    "Asked",
    "Bracket",
    "Checkpoint",
    "CheckpointSaved",
    "CommandGiven",
    "CommandKind",
    "ControllerStarted",
    "EarlierResult",
    "EpochReported",
    "Event",
    "Keep",
    "Limits",
    "Logged",
    "NodeSetAside",
    "Origin",
    "OutcomeKind",
    "Plan",
    "Running",
    "SegmentEnded",
    "SegmentPlaced",
    "SegmentStarted",
    "StudyCreated",
    "StudyEnded",
    "StudyState",
    "StudyStatus",
    "Teacher",
    "TrialState",
    "TrialStatus",
    "TrialSuggested",
    "event_from_json",
    "event_to_json",
    "fold",
]
