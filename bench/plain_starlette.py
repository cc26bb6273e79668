"""The baseline of questions over HTTP: one Starlette route that asks nobody, and of a POST reads the JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def main(port: int, body: Any) -> None:
    async def answer(request: Request) -> JSONResponse:
        if request.method == "POST":
            await request.json()
        return JSONResponse(body)

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    uvicorn.run(app, port=port, log_level="warning", access_log=False, lifespan="off", server_header=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), msgspec.json.decode(Path(sys.argv[2]).read_bytes()))
