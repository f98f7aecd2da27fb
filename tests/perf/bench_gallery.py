"""A million embeddings: how long an index of them takes to build and to ask, what it holds in memory and loses."""

from __future__ import annotations

from pathlib import Path

from perf_rows import Row, Run, Sample, at_least, at_most, benchmark, seconds

ROWS, DIM, PART = 1_000_000, 512, 50_000
PHOTOS, NOISE = 50, 0.9  # of an identity; the length of what tells its photos apart
QUERIES = 100


def _people(count: int, start: int, centres, dim: int):
    """Vectors around the centre of their identity, as embeddings of photos are: cosine distances of 0.45 within."""
    import numpy as np

    drawn = np.random.default_rng([1, start])
    rows = centres[drawn.integers(0, len(centres), count)] + NOISE * drawn.normal(size=(count, dim)).astype(
        np.float32
    ) / np.float32(np.sqrt(dim))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _build(folder: Path, rows: int, centres, kind: str) -> float:
    from reid_core.gallery.items import Item
    from reid_core.gallery.writer import create_index, writing

    create_index(folder, DIM, kind=kind)

    def work() -> None:
        with writing(folder) as writer:
            for start in range(0, rows, PART):
                count = min(PART, rows - start)
                items = [Item(f"photos/{row}.jpg", "", row % 8) for row in range(start, start + count)]
                writer.add(_people(count, start, centres, DIM), items)

    return seconds(work)


@benchmark(
    Row("index of 1,000,000 x 512: built (ivfpq)", "s", at_most(1800)),
    Row("index of 1,000,000 x 512: one query, top 10", "ms", at_most(50), peer="exact search of the same"),
    Row("index of 1,000,000 x 512: recall@10", "share", at_least(0.9)),
    Row("index of 1,000,000 x 512: own memory of a process that asks", "MB", at_most(1000)),
    slow=True,
    timeout=5400,
)
def million(run: Run) -> tuple[Sample, ...]:
    import multiprocessing

    import numpy as np

    rows = run.size(ROWS, 20_000)
    drawn = np.random.default_rng(0)
    centres = drawn.normal(size=(rows // PHOTOS, DIM)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    folder = run.folder / "index"
    took = _build(folder, rows, centres, "ivfpq")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked, exact, memory, recall = pool.apply(_asked, (folder, _people(QUERIES, ROWS, centres, DIM)))
    return (
        Sample([took]),
        Sample(asked, exact),
        Sample([recall]),
        Sample([memory], note="without the mapped pages of vectors, which the system may drop"),
    )


def _asked(folder: Path, queries) -> tuple[list[float], list[float], float, float]:
    """Milliseconds of each query, of exact search (a few), the own memory of this process, recall@10 of these."""
    from reid_core.gallery.index import open_index

    index = open_index(folder)
    index.search(queries[:1], 10)
    found: list[set[int]] = []
    asked = [1000 * seconds(lambda row=row: found.append(_ids(index, row))) for row in queries]
    memory = _own_megabytes()
    few = queries[: len(queries) // 20]
    exact = [1000 * seconds(lambda row=row: index.search(row[None], 10, whole=True)) for row in few]
    true = index.search(queries, 10, whole=True).ids.tolist()
    recall = sum(len(have & set(want)) for have, want in zip(found, true, strict=True)) / (10 * len(queries))
    return asked, exact, memory, recall


def _own_megabytes() -> float:
    """Resident memory of this process that is no file's, in 10^6 bytes."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024 / 1e6


def _ids(index, row) -> set[int]:
    return set(index.search(row[None], 10).ids[0].tolist())
