"""Checkpoints under a URL, as a study asks for them and as others open them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from orchestrator.events import Checkpoint
from orchestrator.service.home import Home
from orchestrator.service.views import StudyRequest
from orchestrator.trial.protocol import CheckpointRef
from orchestrator.trial.vault import Vault, check_vault, is_url, reachable, told
from reid_core.errors import CheckpointError, NotFound, ServerUnreachable

__all__ = ["CHECKPOINTS", "emptied", "opened", "with_vault"]

_LOG = logging.getLogger(__name__)

CHECKPOINTS = "REID_TUNE_CHECKPOINTS"
"""Environment: the URL that checkpoints of new studies are kept under unless a request names one."""


def with_vault(request: StudyRequest) -> StudyRequest:
    """The request with the URL that its checkpoints go to, which can be written.

    Raises InvalidInput for a URL that cannot be one, ServerUnreachable when nothing can be written there.
    """
    wanted = request.checkpoints or os.environ.get(CHECKPOINTS, "")
    if not wanted:
        return request
    url = check_vault(wanted)
    reachable(url)
    return request.model_copy(update={"checkpoints": url})


def emptied(root: str, study: str) -> bool:
    """Delete every file of a study under the URL of its checkpoints. False: some are left, for its store failed."""
    if not root:
        return True
    try:
        vault = Vault(f"{root.rstrip('/')}/{study}", root)
        for stored in vault.files():
            vault.remove(stored.url)
        left = vault.files()
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own; the study is gone already
        _LOG.warning("checkpoints under %s were not deleted: %s", f"{root}/{study}", told(error))
        return False
    return not left


def opened(checkpoint: Checkpoint, home: Home) -> Path:
    """A trial's checkpoint as a file of this machine; one under a URL is copied into the home's cache, once.

    Raises NotFound when it is gone, CheckpointError when it is torn, ServerUnreachable when its store does not answer.
    """
    if not is_url(checkpoint.path):
        path = Path(checkpoint.path)
        if not path.is_file():
            raise NotFound(f"the checkpoint is not there any more: {path}")
        return path
    folder, _, _ = checkpoint.path.rpartition("/")
    place = home.root / "cache" / "checkpoints" / checkpoint.sha256[:16]
    try:
        ref = CheckpointRef(checkpoint.path, checkpoint.epoch, checkpoint.sha256)
        return Vault(folder).fetch(ref, place)
    except FileNotFoundError as error:
        raise NotFound(f"the checkpoint is not there any more: {checkpoint.path}") from error
    except CheckpointError:
        raise
    except Exception as error:  # each file system has errors of its own
        message = f"the checkpoint {checkpoint.path} cannot be read: {told(error)}"
        raise ServerUnreachable(message, hint="check the network, and the credentials in the environment") from error
