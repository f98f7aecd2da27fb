"""The retrieval gallery of a trial or the retrained winner, as pages and programs ask for it."""

from __future__ import annotations

from orchestrator.service.inspection.build import TOP, Inspections
from orchestrator.service.inspection.images import Images, ImageSize, Picture
from orchestrator.service.inspection.views import Change, Gallery, Looked, MapView, Queries, QueryRow, QueryWish
from orchestrator.service.inspection.views_of import change_between, gallery_of, map_of, queries_of, query_of
from orchestrator.service.service import Service

__all__ = ["Galleries"]


class Galleries:
    """What there is to see of inspections; `trial` None is the retrained winner. Safe for several threads.

    Every method raises NotFound for a study, trial, inspection, query or image that is not there.
    """

    def __init__(self, service: Service) -> None:
        self.inspections = Inspections(service)
        self._images = Images(service, self.inspections)

    def look(self, study: str, trial: int | None) -> Looked:
        """Where the inspection stands."""
        return self.inspections.look(study, trial)

    def start(self, study: str, trial: int | None, *, top: int = TOP) -> Looked:
        """Have it built in the background. Raises Conflict while another one is."""
        return self.inspections.start(study, trial, top=top)

    def gallery(self, study: str, trial: int | None) -> Gallery:
        """Groups, hardest pairs and confusions."""
        return gallery_of(*self.inspections.read(study, trial))

    def queries(self, study: str, trial: int | None, wish: QueryWish, against: int | None = None) -> Queries:
        """A page of queries, beside those of the trial `against`. Raises Conflict when that asked other queries."""
        other = None if against is None else self.inspections.read(study, against)[1]
        return queries_of(self.inspections.read(study, trial)[1], wish, other)

    def query(self, study: str, trial: int | None, number: int, top: int = TOP) -> QueryRow:
        """One query with its list."""
        return query_of(self.inspections.read(study, trial)[1], number, top)

    def change(self, study: str, trial: int | None, against: int) -> Change:
        """How much better or worse its queries do than those of the trial `against`."""
        return change_between(self.inspections.read(study, trial)[1], self.inspections.read(study, against)[1])

    def map(self, study: str, trial: int | None, method: str) -> MapView:
        """The embeddings on a plane."""
        return map_of(self.inspections.read(study, trial)[1], method)

    def image(self, study: str, trial: int | None, number: int, size: ImageSize) -> Picture:
        """An image as JPEG."""
        return self._images.get(study, trial, number, size)
