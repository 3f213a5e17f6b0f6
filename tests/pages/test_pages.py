import jinja2
import pytest

from giemsa.pages import data_uri, render


def test_hostile_names_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = jinja2.DictLoader({"names.html": "<p>{{ name }}</p>"})
    monkeypatch.setattr(
        "giemsa.pages._environment", lambda: jinja2.Environment(loader=loader, autoescape=True)
    )
    assert (
        render("names.html", name="<script>alert(1)</script>")
        == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )


def test_every_page_needs_no_network_and_says_when_cells_are_drawn() -> None:
    page = render("base.html", drawn=True)
    assert "Drawn, not real." in page
    assert "http" not in page
    assert "Drawn, not real." not in render("base.html", drawn=False)


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("base.html")


def test_an_image_travels_in_the_page() -> None:
    assert data_uri(b"\x00\x01", "image/webp") == "data:image/webp;base64,AAE="
