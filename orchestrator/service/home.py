"""Where everything of an installation lives: REID_TUNE_HOME and the places inside it."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from reid_core.errors import Finding, InvalidInput

__all__ = ["Home", "generated_name"]

STORE_VARIABLE = "REID_TUNE_STORE"

_ADJECTIVES = "amber brisk calm clear crisp eager fair fleet keen light lucid noble quick quiet sharp solid steady warm"
_ANIMALS = (
    "badger crane dunlin falcon finch gecko heron ibex kestrel lynx marten merlin otter plover raven robin stoat wren"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder (default ~/.reid-tune) and what lies where in it."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """REID_TUNE_HOME, or ~/.reid-tune."""
        return cls(Path(os.environ.get("REID_TUNE_HOME") or Path.home() / ".reid-tune").expanduser().resolve())

    @property
    def store(self) -> Path | str:
        """The event log of every study: the URL in REID_TUNE_STORE (it may hold a password), or a file in the home."""
        return os.environ.get(STORE_VARIABLE) or self.root / "studies.db"

    @property
    def mlflow_uri(self) -> str:
        """MLFLOW_TRACKING_URI, or the embedded SQLite store."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Artifacts of the embedded MLflow store."""
        return self.root / "mlartifacts"

    @property
    def profiles(self) -> Path:
        """Measured seconds an epoch, by configuration."""
        return self.root / "profiles.json"

    @property
    def people(self) -> Path:
        """Who may sign in to the pages."""
        return self.root / "users.json"

    @property
    def audit(self) -> Path:
        """Who did what over the network."""
        return self.root / "audit.jsonl"

    def study(self, study: str) -> Path:
        """The folder of one study: trials/, retrain/, controller.log."""
        return self.root / "studies" / study

    def ensure(self) -> None:
        """Create the folder. Raises InvalidInput when that is not possible."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise _unusable(f"{self.root} is a file, not a folder") from error
        except OSError as error:
            raise _unusable(f"cannot create {self.root}: {error.strerror}") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise _unusable(f"{self.root} cannot be written")


def _unusable(message: str) -> InvalidInput:
    return InvalidInput(Finding("home", message, file="REID_TUNE_HOME", hint="name a writable folder"))


def generated_name(space: str) -> str:
    """A readable name nobody else has, such as `bnneck-keen-heron-7f`."""
    words = (secrets.choice(_ADJECTIVES.split()), secrets.choice(_ANIMALS.split()))
    return f"{space}-{words[0]}-{words[1]}-{secrets.token_hex(1)}"


def check_name(name: str) -> str:
    """The name, if it can be one. Raises InvalidInput."""
    if not _NAME.fullmatch(name) or name == "latest":
        raise InvalidInput(
            Finding(
                "bad-name",
                f"{name!r} cannot name a study",
                file="--name",
                key="name",
                hint="use up to 80 letters, digits, '.', '_' and '-', not starting with a sign, and not 'latest'",
            )
        )
    return name
