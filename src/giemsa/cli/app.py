"""The application that commands register themselves with."""

import typer

app = typer.Typer(
    name="giemsa",
    help="Curate blood-cell images, train and judge classifiers, register and serve the winner.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def giemsa() -> None:
    """Curate blood-cell images, train and judge classifiers, register and serve the winner."""
