"""Who may import whom, and what the command line must not load before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
HEAVY = (
    "tensorflow",
    "keras",
    "mlflow",
    "great_expectations",
    "pandas",
    "matplotlib",
    "cv2",
    "sklearn",
    "scipy",
)


def loaded_after(statements: str) -> set[str]:
    """Run statements in an interpreter of their own and give the packages that it has loaded then."""
    code = f"{statements}\nimport sys\nprint('LOADED', *{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("LOADED ")[2].split())


def test_the_contracts_in_pyproject_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


def test_help_loads_nothing_heavy() -> None:
    # "giemsa --help" must answer at once; TensorFlow alone takes seconds.
    loaded = loaded_after(
        "import contextlib, sys\nfrom giemsa.cli import main\nsys.argv = ['giemsa', '--help']\n"
        "with contextlib.suppress(SystemExit):\n    main()"
    )
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("giemsa.curation.quality", {"great_expectations", "pandas", "tensorflow"}),
        ("giemsa.curation.splits", {"pandas", "tensorflow"}),
        ("giemsa.curation.gallery", {"pandas", "tensorflow"}),
    ],
)
def test_a_module_loads_what_is_heavy_only_where_it_is_used(module: str, heavy: set[str]) -> None:
    assert loaded_after(f"import {module}").isdisjoint(heavy)
