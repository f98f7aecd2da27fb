"""What Ray says of a segment that broke off, in the words of the project."""

from __future__ import annotations

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed

__all__ = ["failure_of", "node_is_gone"]

_MEMORY = ("due to the node running low on memory", "due to memory pressure")
_NODE = ("its node has died", "node is dead", "node was terminated", "the node died")


def node_is_gone(error: BaseException) -> bool:
    """Whether `error`, an exception of Ray's, says that a node died, and not a process of it."""
    return type(error).__name__ == "NodeDiedError" or any(words in str(error).lower() for words in _NODE)


def failure_of(error: BaseException, node: str) -> Failed:
    """The failure that `error`, an exception of Ray's, means for a segment on the node of this name.

    Ray's monitor ends workers when a node runs out of memory: OUT_OF_MEMORY. Everything else is LOST, and the message
    names the node and says whether all of it went.
    """
    text = str(error).lower()
    if type(error).__name__ == "OutOfMemoryError" or any(words in text for words in _MEMORY):
        return Failed(FailureKind.OUT_OF_MEMORY, f"Ray ended the worker: node {node} ran out of memory", retryable=True)
    where = f" on node {node}" if node else ""
    if node_is_gone(error):
        return Failed(FailureKind.LOST, f"the node {node or 'of the worker'} is gone", retryable=True)
    if type(error).__name__ == "ActorUnavailableError":
        return Failed(
            FailureKind.LOST, f"the worker{where} does not answer: its node or the network is gone", retryable=True
        )
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return Failed(FailureKind.LOST, f"the worker process died{where}: {first}", retryable=True)
