"""Every refusal is a status and one sentence; what failed inside stands in the log, not in the answer."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from giemsa.errors import GiemsaError

SENTENCES = {
    400: "The request cannot be understood: send a form (multipart/form-data) as /docs shows.",
    404: "There is nothing at this address: see /docs.",
    405: "This address does not take this method: see /docs.",
}
BAD_REQUEST = 400
TOO_MANY = "Too many files."  # so begins what Starlette says when a form holds more than 1,000
FAILED = "Something failed in the server: its log says what."

log = logging.getLogger(__name__)


class UnavailableError(GiemsaError):
    """What was asked for cannot be had now, through no fault of who asks."""


def add_refusals(app: FastAPI) -> None:
    """Answer every failure with a sentence."""

    @app.exception_handler(GiemsaError)
    async def refuse(_: Request, error: GiemsaError) -> JSONResponse:
        return refusal(503 if isinstance(error, UnavailableError) else 422, str(error))

    @app.exception_handler(RequestValidationError)
    async def misunderstand(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = ", ".join(sorted({str(fault["loc"][:2][-1]) for fault in error.errors()}))
        return refusal(422, f"The form's field {fields} is missing or wrong: see /docs.")

    @app.exception_handler(HTTPException)
    async def explain(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == BAD_REQUEST and error.detail.startswith(TOO_MANY):
            return refusal(413, "More than 1,000 images in one request: send fewer.")
        return refusal(error.status_code, SENTENCES.get(error.status_code, error.detail), error.headers)

    @app.exception_handler(Exception)
    async def fail(_: Request, error: Exception) -> JSONResponse:
        log.error("%s: %s", type(error).__name__, error)
        return refusal(500, FAILED)


def refusal(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Put a sentence into an answer."""
    return JSONResponse({"detail": sentence}, status, headers)
