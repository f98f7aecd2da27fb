"""The peer of `serve-model`: the same model behind FastAPI in the plainest way, one image a call, no batches."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image
from starlette.concurrency import run_in_threadpool

from reid_core.embedder import Embedder, open_embedder

__all__ = ["plain_app"]


def plain_app(embedder: Embedder) -> FastAPI:
    """POST /embed: one picture in, one embedding out."""
    import threading

    app, alone = FastAPI(), threading.Lock()

    def embedded(data: bytes) -> list[list[float]]:
        pixels = embedder.resized(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        with alone:  # an embedder is not for several threads at a time
            rows: list[list[float]] = embedder.embed(pixels[None]).tolist()
        return rows

    @app.post("/embed")
    async def embed(request: Request) -> dict[str, list[list[float]]]:
        return {"embeddings": await run_in_threadpool(embedded, await request.body())}

    return app


def main() -> None:
    """MODEL PORT."""
    app = plain_app(open_embedder(Path(sys.argv[1]), threads=1))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", http="h11")


if __name__ == "__main__":
    main()
