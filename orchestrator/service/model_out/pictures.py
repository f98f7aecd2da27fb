"""Pictures to embed, one after the other: image files by their paths, and frames of videos."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.service.image_index.sources import image_items
from reid_core.data.records import NO_CAMERA
from reid_core.errors import DataError, Finding, NotFound, ReidTuneError, UsageError

if TYPE_CHECKING:
    from reid_core.data.sources import EncodedImage, Pixels

__all__ = ["VIDEO_SUFFIXES", "Picture", "Pictures", "Sampling"]

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image file; a frame of a video (`name.mp4#12`, counted from 0) with its `pixels` (h, w, 3); or `encoded`.

    `pid` and `camid` are what a manifest says of it. `stamp` is another one when the content is: size and time of
    change of the file or video.
    """

    file: str
    pixels: Pixels | None = None
    pid: str = ""
    camid: int = NO_CAMERA
    stamp: str = ""
    encoded: EncodedImage | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video: every `every`-th, or `fps` a second of its own time."""

    every: int = 1
    fps: float | None = None


class Pictures:
    """What `sources` name: images, folders, lists, manifests, `-` for a list or an image on standard input, and videos.

    `total` is how many there are, 0 where a video is among them. Raises NotFound, DataError.
    """

    def __init__(self, sources: Sequence[str], sampling: Sampling | None = None) -> None:
        if not sources:
            raise UsageError(
                "there are no images to embed", hint="name images, folders, videos or lists; - is a list or an image"
            )
        self._sampling = sampling or Sampling()
        self._videos = [source for source in sources if Path(source).suffix.lower() in VIDEO_SUFFIXES]
        for video in self._videos:
            if not Path(video).is_file():
                raise NotFound(f"there is no video {video}", hint="check the path")
        others = [source for source in sources if source not in self._videos]
        self._piped: dict[str, EncodedImage] = {}
        self._items = image_items(others, piped=self._piped) if others else []
        self.total = 0 if self._videos else len(self._items)
        if self._videos:
            _av()  # said before any work

    def __iter__(self) -> Iterator[Picture]:
        for item in self._items:
            sent = self._piped.get(item.file)
            stamp = _stamp(item.file) if sent is None else hashlib.sha256(sent.data).hexdigest()
            yield Picture(item.file, None, item.pid, item.camid, stamp, sent)
        for video in self._videos:
            yield from _frames(video, self._sampling)


def _frames(video: str, sampling: Sampling) -> Iterator[Picture]:
    """The chosen frames, decoded one by one. Raises DataError for what is no video."""
    av, stamp = _av(), _stamp(video)
    try:
        with av.open(video) as container:
            if not container.streams.video:
                raise _no_video(video, "there is no picture in it")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            due = 0.0
            for number, frame in enumerate(container.decode(stream)):
                if sampling.fps is not None:
                    seconds = frame.time if frame.time is not None else number / float(stream.average_rate or 25)
                    if seconds + 1e-6 < due:
                        continue
                    due = max(due + 1 / sampling.fps, seconds)
                elif number % sampling.every:
                    continue
                yield Picture(f"{video}#{number}", frame.to_ndarray(format="rgb24"), stamp=stamp)
    except av.error.FFmpegError as error:
        raise _no_video(video, str(error)) from error


def _stamp(file: str) -> str:
    """Size and time of change; nothing where it is gone, which decoding will tell."""
    try:
        status = Path(file).stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _av() -> Any:
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise ReidTuneError("frames of videos need the package av", hint="pip install 'reid-tune[video]'") from error


def _no_video(video: str, reason: str) -> DataError:
    return DataError(Finding("bad-video", f"the video does not decode: {reason}", file=video))
