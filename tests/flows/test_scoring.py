"""Tables of scores do not take each other's place."""

from flows.scoring import table_name


def test_sources_of_one_name_have_tables_of_their_own() -> None:
    sources = ("/labA/images", "/labB/images", "runs/run.1", "runs/run.2")
    assert len({table_name(source) for source in sources}) == len(sources)
    assert table_name("/labA/images") == table_name("/labA/images/")
    assert table_name("/labA/images").startswith("images-")
