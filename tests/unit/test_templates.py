import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.errors import TemplateError
from sekvens.messages.tables import Template
from sekvens.messages.templates import (
    TemplateShelf,
    digest,
    load,
    read_sources,
    store,
    stored,
    template_names,
)

SOURCE = "---\nsubject: Hej\npreheader: Några rader\n---\nHej du.\n"


@pytest.fixture
def content(tmp_path):
    folder = tmp_path / "content" / "welcome"
    folder.mkdir(parents=True)
    (folder / "hello.sv.md").write_text(SOURCE, encoding="utf-8")
    (folder / "hello.en.md").write_text(SOURCE.replace("Hej", "Hello"), encoding="utf-8")
    return folder.parent


def test_a_template_is_read_in_every_locale_with_the_layout(content):
    template = read_sources("welcome/hello", content=content)

    assert sorted(template.sources) == ["en", "sv"]
    assert {"letter.html", "blocks.html", "blocks.txt", "style.css"} <= template.layout.keys()
    assert template_names(content=content) == ["welcome/hello"]


def test_a_step_whose_name_begins_with_anothers_is_another_template(content):
    (content / "welcome" / "hello-again.sv.md").write_text(SOURCE, encoding="utf-8")

    assert sorted(read_sources("welcome/hello", content=content).sources) == ["en", "sv"]


def test_a_template_without_a_file_is_refused_with_the_file_to_write(content):
    with pytest.raises(TemplateError, match=r"welcome/goodbye\.<locale>\.md"):
        read_sources("welcome/goodbye", content=content)


@pytest.mark.parametrize("part", ["sources", "layout"])
def test_editing_a_source_or_the_layout_makes_another_digest(content, part):
    template = read_sources("welcome/hello", content=content)
    name = next(iter(getattr(template, part)))
    edited = dataclasses.replace(template, **{part: {**getattr(template, part), name: "other"}})

    assert digest(edited) != digest(template)


def test_storing_twice_keeps_one_row_and_an_edit_adds_one(
    database: Database, clock: FrozenClock, content
):
    digests = []
    for text in (SOURCE, SOURCE, SOURCE + "Mer.\n"):
        (content / "welcome" / "hello.sv.md").write_text(text, encoding="utf-8")
        with database.write() as session:
            digests += store(session, ["welcome/hello"], now=clock.now(), content=content).values()
        clock.move(timedelta(hours=1))

    assert digests[0] == digests[1] != digests[2]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Template)) == 2


def test_what_is_loaded_is_what_was_stored(database: Database, clock: FrozenClock, content):
    with database.write() as session:
        wanted = store(session, ["welcome/hello"], now=clock.now(), content=content)
    with database.read() as session:
        template = load(session, wanted["welcome/hello"])

    assert template == stored(read_sources("welcome/hello", content=content))
    assert template.sources["sv"] == SOURCE


def test_a_digest_that_was_never_stored_is_an_error_with_a_remedy(sqlite_database: Database):
    with (
        sqlite_database.read() as session,
        pytest.raises(TemplateError, match=r"no template with digest abc.*publish"),
    ):
        load(session, "abc")


def test_a_row_that_was_changed_by_hand_is_not_sent(
    sqlite_database: Database, clock: FrozenClock, content
):
    with sqlite_database.write() as session:
        wanted = store(session, ["welcome/hello"], now=clock.now(), content=content)
        session.execute(update(Template).values(sources={"sv": SOURCE.replace("Hej", "Köp")}))

    with (
        sqlite_database.read() as session,
        pytest.raises(TemplateError, match="does not fit its digest"),
    ):
        TemplateShelf().load(session, wanted["welcome/hello"])
