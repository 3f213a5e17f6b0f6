"""The web application: what a person at the microscope, or a script at night, asks of the champion."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from giemsa import __version__
from giemsa.pages import render
from giemsa.registry.prediction import Predictor, Row
from giemsa.serving.corrections import Correction, keep
from giemsa.serving.following import Follower
from giemsa.serving.heatmaps import HeatMaps
from giemsa.serving.limits import Limits
from giemsa.serving.measures import Measures
from giemsa.serving.refusals import add_refusals
from giemsa.settings import Serve
from giemsa.workspace import Workspace

STATIC = Path(__file__).parent / "static"
TOGETHER = 8  # images that one thread takes at a time
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Prediction(BaseModel):
    """One image's row: the columns of ``giemsa predict``, with ``p_<class>`` for every class."""

    model_config = ConfigDict(extra="allow")

    path: str
    label: str
    confidence: float | None
    rejected: bool
    reason: str


class Refusal(BaseModel):
    """Why a request was refused, in one sentence."""

    detail: str


class Served(BaseModel):
    """The model that answers now."""

    status: str = "ok"
    model: str
    data: str
    classes: tuple[str, ...]
    drawn: bool


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal} for status in (400, 401, 403, 408, 413, 422, 429, 503)
}


class Service:
    """What the routes share: the followed model, the inbox and the counters.

    Args:
        workspace: the project, whose inbox takes corrected cells.
        follower: the model that is served.
        serve: the limits of one request.
    """

    def __init__(self, workspace: Workspace, follower: Follower, serve: Serve) -> None:
        self.workspace = workspace
        self.follower = follower
        self.serve = serve
        self.measures = Measures()
        self.heat_maps = HeatMaps()
        # One thread more than cores: while one waits for the network, another decodes.
        self._turns = asyncio.Semaphore(len(os.sched_getaffinity(0)) + 1)

    async def judge(self, files: Sequence[UploadFile], predictor: Predictor) -> list[Row]:
        """Judge uploaded files in order, in bounded memory."""

        async def part(some: Sequence[UploadFile]) -> list[Row]:
            async with self._turns:
                contents = [await file.read() for file in some]
                rows = await run_in_threadpool(predictor.predict, contents)
            return [{"path": file.filename or "", **row} for file, row in zip(some, rows, strict=True)]

        parts = [files[start : start + TOGETHER] for start in range(0, len(files), TOGETHER)]
        rows = [row for rows in await asyncio.gather(*map(part, parts)) for row in rows]
        self.measures.judged(rows)
        return rows


def create_app(workspace: Workspace, follower: Follower, serve: Serve, *, token: str = "") -> FastAPI:
    """Build the application.

    Args:
        workspace: the project, whose inbox takes corrected cells.
        follower: the model that is served; it is started and stopped with the application.
        serve: what requests may cost.
        token: what ``Authorization: Bearer`` must carry; empty: nothing is asked for.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        follower.start()
        yield
        await run_in_threadpool(follower.stop)

    app = FastAPI(
        title="giemsa",
        version=__version__,
        description="Classifies single stained blood cells with the champion of the model registry.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    service = Service(workspace, follower, serve)
    _add_predictions(app, service)
    _add_facts(app, service)
    _add_corrections(app, service)
    _add_pages(app)
    app.add_middleware(Limits, serve=serve, token=token)
    add_refusals(app)
    _add_measures(app, service)
    return app


def _add_predictions(app: FastAPI, service: Service) -> None:
    @app.post("/predict", response_model=list[Prediction], responses=REFUSALS)
    async def predict(files: Annotated[list[UploadFile], File(description="encoded images")]) -> Response:
        """Judge images; the answer is in the files' order."""
        if len(files) > service.serve.max_files:
            raise HTTPException(
                413, f"{len(files):,} images in one request: send {service.serve.max_files:,} at most."
            )
        predictor = service.follower.current
        return JSONResponse(await service.judge(files, predictor), headers=_origin(predictor))

    @app.post(
        "/explain", response_class=Response, responses={**REFUSALS, 200: {"content": {"image/png": {}}}}
    )
    async def explain(file: Annotated[UploadFile, File(description="one encoded image")]) -> Response:
        """Show where the network looked: the image under a Grad-CAM heat map, as PNG."""
        predictor = service.follower.current
        picture = await run_in_threadpool(service.heat_maps.draw, predictor, await file.read())
        return Response(picture, media_type="image/png", headers=_origin(predictor))


def _add_facts(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def healthz() -> Served:
        """Tell that the server is up, and which model answers."""
        predictor = service.follower.current
        model, info = predictor.model, predictor.scorer.info
        return Served(model=model.version, data=model.data, classes=predictor.classes, drawn=info.drawn)

    @app.get("/models", responses={status: {"model": Refusal} for status in (401, 503)})
    async def models() -> list[dict[str, Any]]:
        """List the registered versions with their aliases and figures; a folder's model stands alone."""
        return await run_in_threadpool(service.follower.known)

    @app.get("/metrics", response_class=PlainTextResponse, responses={401: {"model": Refusal}})
    async def metrics() -> str:
        """Give counters and latencies in Prometheus' text format."""
        return service.measures.text(service.follower.current.model)


def _add_corrections(app: FastAPI, service: Service) -> None:
    @app.post("/corrections", status_code=201, responses=REFUSALS)
    async def correct(
        file: Annotated[UploadFile, File(description="the cell's encoded image")],
        label: Annotated[str, Form(description="what it is: a class of the model")],
        who: Annotated[str, Form(description="who says so")],
    ) -> dict[str, Any]:
        """Put a cell under its right label into the inbox, where the next ingest finds it."""
        content = await file.read()

        def work() -> Correction:
            predictor = service.follower.current
            correction = Correction.of(
                content, name=file.filename or "", label=label, who=who, predictor=predictor
            )
            keep(service.workspace.inbox, correction, content)
            return correction

        return asdict(await run_in_threadpool(work))


def _add_pages(app: FastAPI) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def page() -> str:
        return (STATIC / "index.html").read_text(encoding="utf-8")

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> str:
        return render("api.html", schema=app.openapi(), drawn=False)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _add_measures(app: FastAPI, service: Service) -> None:
    @app.middleware("http")
    async def observe(request: Request, call_next: Any) -> Response:  # noqa: ANN401
        with service.measures.timed(request) as answered:
            response: Response = await call_next(request)
            answered(response.status_code)
        response.headers.update(HEADERS)
        return response


def _origin(predictor: Predictor) -> dict[str, str]:
    """Name the model in headers, which hold no other letters than ASCII's."""
    return {
        "x-giemsa-model": quote(predictor.model.version, safe="/@:. "),
        "x-giemsa-data": predictor.model.data,
    }
