"""What launching a request would do, seen before: data, plan, and the same study as a command and as a file."""

from __future__ import annotations

import time
from itertools import islice

from orchestrator.service.command import command_of
from orchestrator.service.fleet.studies import free_name
from orchestrator.service.launch.again import request_of
from orchestrator.service.launch.samples import Samples
from orchestrator.service.launch.views import DataView, LaunchView, SetView
from orchestrator.service.plan_view import plan_view
from orchestrator.service.service import Service
from orchestrator.service.views import SpaceView, StudyRequest
from reid_core.config import from_values
from reid_core.errors import Conflict
from reid_core.results import DataSummary
from search_spaces.describe import to_yaml
from search_spaces.load import load_space

__all__ = ["alike", "look_ahead", "openable", "script_of", "yaml_file_of"]

_FILE = "space.yaml"


def look_ahead(service: Service, request: StudyRequest, samples: Samples, *, measure: bool = False) -> LaunchView:
    """Everything that can be known of a study before it exists. Raises InvalidInput with every finding, NotFound.

    `measure` times a few training steps where nobody did before: up to a minute.
    """
    made = service.draft(request)
    if measure:
        plan_view(made, service.home, measure=True)
        made = service.draft(request)  # what was measured may let trials share GPUs
    plan = plan_view(made, service.home, measure=False)
    views = samples.of(from_values(made.base), made.data.fingerprint) if made.space.recipe is not None else ()
    return LaunchView(
        plan=plan,
        data=_data(made.data, plan.data).model_copy(update={"samples": views}),
        ends_at=None if plan.seconds is None else time.time() + plan.seconds,
        script=script_of(request),
        yaml=yaml_file_of(request),
    )


def script_of(request: StudyRequest) -> str:
    """What to paste into a shell: the command, after the file of the space where it is none of the catalog's."""
    if "\n" not in request.space:
        return command_of(request)
    text = request.space if request.space.endswith("\n") else f"{request.space}\n"
    end = "YAML"
    while f"\n{end}\n" in f"\n{text}":
        end += "_"
    return f"cat > {_FILE} <<'{end}'\n{text}{end}\n{command_of(request)}"


def yaml_file_of(request: StudyRequest) -> str:
    """The space as a file that needs no other one, with the command that runs it."""
    text = request.space if "\n" in request.space else to_yaml(load_space(request.space).space)
    command = command_of(request.model_copy(update={"space": text if "\n" in text else f"{text}\n"}))
    first = f"# save as {_FILE}, then: {command}".replace("\n", "\n# ")
    return f"{first}\n{text}"


def alike(service: Service, study: str) -> tuple[StudyRequest, SpaceView]:
    """The request that made a study, with a name that is free, and its space. NotFound, Conflict."""
    state = service.state(study)
    if state.created is None:
        raise Conflict(f"the log of study {study} does not begin with its creation")
    request = request_of(state.created)
    name = free_name(state.created.name, [one.name for one in service.studies(archived=True)])
    return request.model_copy(update={"name": name}), service.space(request.space)


def openable(service: Service, most: int = 50) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folders and addresses that requests may name, and folders in them to choose from; none where any may be."""
    if service.roots is None:
        return (), ()
    own = (service.home.root / "studies").resolve()
    folders = [folder for folder in service.roots.folders if folder != own]
    inner = (each for folder in folders for each in sorted(folder.iterdir()) if each.is_dir())
    offered = [str(each) for each in islice(inner, most) if not service.roots.fault(str(each))]
    return (*(str(folder) for folder in folders), *service.roots.addresses), tuple(offered)


def _data(found: DataSummary, sentence: str) -> DataView:
    sets = tuple(
        SetView(
            name=one.name,
            layout=one.layout,
            train_images=one.train_images,
            train_identities=one.train_identities,
            cameras=one.cameras,
            query_images=one.query_images,
            gallery_images=one.gallery_images,
        )
        for one in found.sets
    )
    alone = SetView(
        name="",
        layout=found.layout,
        train_images=found.train_images,
        train_identities=found.train_identities,
        cameras=found.cameras,
        query_images=found.query_images,
        gallery_images=found.gallery_images,
    )
    return DataView(
        sentence=sentence,
        fingerprint=found.fingerprint,
        sets=sets or (alone,),
        held_identities=found.val_identities,
        held_queries=found.val_queries,
        held_gallery=found.val_gallery,
        ignored=dict(found.ignored),
    )
