"""Offline web pages in one look: each is a single file that needs no network."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from giemsa import __version__


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value, digits=1: f"{100 * value:.{digits}f}%"
    environment.filters["data_uri"] = data_uri
    environment.globals["version"] = __version__
    return environment


def render(template: str, **context: Any) -> str:  # noqa: ANN401
    """Fill ``templates/<template>``; every value is escaped, so hostile file names stay text.

    Raises:
        jinja2.UndefinedError: if the template names a value that ``context`` lacks.
    """
    return _environment().get_template(template).render(**context)


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Put an image's bytes into the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
