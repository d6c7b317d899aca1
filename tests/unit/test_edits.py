"""Edits of the dashboard: kept, refused where two meet, published as versions, owed and settled."""

from pathlib import Path

import pytest

from sekvens.db.session import Database
from sekvens.edits import drafting, examining, publishing
from sekvens.edits.drafting import EditConflict, NothingToPublish, text_digest, unpublished
from sekvens.edits.examining import findings
from sekvens.edits.live import NotLive, live_email
from sekvens.edits.merging import Standing, owed
from sekvens.edits.publishing import HasFaults, ready
from sekvens.edits.pulling import Take, look, pull
from sekvens.enrollments.versions import history
from sekvens.errors import FlowConflict
from sekvens.flows.moving import Policy
from sekvens.messages.compose import compose as examining_compose
from sekvens.messages.tables import Template
from tests.conftest import NOON
from tests.unit.editing import EXAMINER, FLOW, NAME, Repository

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose here: the limited process has tests of its own, and takes a second."""
    monkeypatch.setattr(
        examining,
        "compose_all_foreign",
        lambda template, facts, *, shop: [
            examining_compose(template, each, shop=shop) for each in facts
        ],
    )


@pytest.fixture
def repository(database: Database, tmp_path: Path) -> Repository:
    repository = Repository(database, tmp_path)
    repository.publish()
    return repository


def saved(repository: Repository, key: str = "sv") -> str | None:
    with repository.database.read() as session:
        edit = unpublished(session, NAME, key)
        return edit.text if edit else None


def standings(repository: Repository) -> list[Standing]:
    with repository.database.read() as session:
        return [each.standing for each in look(session, content=repository.content)]


def pulls(repository: Repository, take: Take | None = None) -> None:
    with repository.database.write() as session:
        pull(session, take=take, now=NOON, content=repository.content)


def test_a_saved_edit_changes_nothing_that_is_live(repository: Repository):
    before = repository.live()
    repository.save(repository.edited("Vi ses."))

    assert saved(repository) == repository.edited("Vi ses.")
    assert repository.live() == before
    assert standings(repository) == []


def test_who_did_not_see_the_newest_text_overwrites_nothing(repository: Repository):
    seen = text_digest(repository.file().read_text(encoding="utf-8"))
    repository.save(repository.edited("Vi ses."))
    with repository.database.write() as session, pytest.raises(EditConflict, match="by doris"):
        drafting.save(session, NAME, "sv", "annat", seen=seen, author="elsa", now=NOON)

    assert saved(repository) == repository.edited("Vi ses.")


def test_an_edit_that_says_what_is_live_is_none(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.save(repository.file().read_text(encoding="utf-8").replace("\n", "\r\n"))

    assert saved(repository) is None


def test_only_what_a_live_flow_sends_in_a_locale_of_its_can_be_edited(repository: Repository):
    with repository.database.write() as session:
        with pytest.raises(NotLive, match="flows publish"):
            drafting.save(session, "welcome/hello", "sv", "x", seen="", author="doris", now=NOON)
        with pytest.raises(NotLive, match="written in en, sv"):
            drafting.save(session, NAME, "de", "x", seen="", author="doris", now=NOON)


def test_published_edits_are_one_version_with_author_and_note(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.save(repository.edited("See you.", "en"), "en")
    published = repository.publish_edit()

    assert published == ["referral-thanks v2"]
    assert repository.live() == (2, repository.edited("Vi ses."))
    assert repository.live("en")[1] == repository.edited("See you.", "en")
    with repository.database.read() as session:
        newest, oldest = history(session, FLOW.name)
        assert (newest.author, newest.note, newest.policy) == (
            "doris",
            "a warmer word",
            "finish_old",
        )
        assert not oldest.live
        assert session.get_one(Template, newest.templates[NAME]).is_edited
        with pytest.raises(NothingToPublish):
            ready(session, NAME)


def test_a_policy_may_move_those_under_way(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit(policy=Policy.MOVE_AT_NEXT_STEP)

    with repository.database.read() as session:
        assert history(session, FLOW.name)[0].policy == Policy.MOVE_AT_NEXT_STEP


def test_what_was_not_seen_is_not_published(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    with repository.database.read() as session:
        seen = ready(session, NAME).seen
    repository.save(repository.edited("Hej då."))
    with pytest.raises(EditConflict, match="look at it again"):
        publishing.publish(
            repository.database, EXAMINER, NAME, seen=seen, author="doris", note="", now=NOON
        )

    assert repository.live()[0] == 1


def test_an_edit_whose_text_was_published_anew_waits_for_a_word(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.file().write_text(repository.edited("Hej då."), encoding="utf-8")
    repository.publish(2)
    with pytest.raises(EditConflict, match="published anew"):
        repository.publish_edit()
    with repository.database.write() as session:
        newer = live_email(session, NAME).template.sources["sv"]
        drafting.keep_over(session, NAME, "sv", over=text_digest(newer))

    assert repository.publish_edit() == ["referral-thanks v3"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("{{ nosuch }}", r"sv\.md, line \d+.*nosuch"),
        ("{% if %}", r"sv\.md, line \d+"),
        ("{{ shop.__class__ }}", "__class__"),
        ('{% feed "weather" as w %}{{ w.nosuch }}{% otherwise %}x{% endfeed %}', "nosuch|weather"),
    ],
)
def test_what_has_a_fault_is_refused_and_stays_unpublished(
    repository: Repository, fault: str, said: str
):
    repository.save(repository.edited(fault))
    with pytest.raises(HasFaults, match=said):
        repository.publish_edit()

    assert repository.live()[0] == 1
    assert saved(repository) == repository.edited(fault)


def test_publishing_the_same_from_the_repository_leaves_an_edit_live(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    repository.publish(1)

    assert repository.live() == (2, repository.edited("Vi ses."))


def test_a_new_version_of_the_repository_keeps_an_edit_that_it_knows_nothing_of(
    repository: Repository,
):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    repository.publish(3)

    assert repository.live() == (3, repository.edited("Vi ses."))
    assert standings(repository) == [Standing.BEHIND]


def test_a_text_that_both_have_changed_is_refused_with_a_remedy(repository: Repository):
    wanted = repository.edited("Vi ses.")
    repository.save(wanted)
    repository.publish_edit()
    repository.file().write_text(repository.edited("Hej då."), encoding="utf-8")
    with pytest.raises(EditConflict, match=r"by doris .*v2.*content pull .*--take dashboard"):
        repository.publish(3)

    assert repository.live() == (2, wanted)


def test_a_pull_writes_what_is_owed_and_the_same_number_is_then_published(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    wanted = repository.edited("Vi ses.")
    repository.publish_edit()
    pulls(repository)

    assert repository.file().read_text(encoding="utf-8") == wanted
    assert standings(repository) == [Standing.SAME]
    with pytest.raises(FlowConflict, match="set version=2 "):
        repository.publish(1)
    repository.publish(2)
    assert repository.live() == (2, wanted)


def test_what_the_repository_has_published_is_owed_no_more_and_composed_as_its_own(
    repository: Repository,
):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    pulls(repository)
    repository.publish(3)

    with repository.database.read() as session:
        assert owed(session) == []
        assert not live_email(session, NAME).template.is_edited
        row = session.get_one(Template, live_email(session, NAME).template.digest)
        assert not row.is_edited


def test_what_was_pulled_and_edited_on_is_the_repositorys(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    pulls(repository)
    further = repository.edited("Och tack.")
    repository.file().write_text(further, encoding="utf-8")
    repository.publish(3)

    assert repository.live() == (3, further)
    assert standings(repository) == []


def test_a_checkout_without_the_pulled_text_does_not_undo_it(repository: Repository):
    before = repository.file().read_text(encoding="utf-8")
    repository.save(repository.edited("Vi ses."))
    wanted = repository.edited("Vi ses.")
    repository.publish_edit()
    pulls(repository)
    repository.file().write_text(before, encoding="utf-8")
    repository.publish(3)

    assert repository.live() == (3, wanted)


def test_a_pull_shows_a_conflict_and_writes_nothing_of_it(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    theirs = repository.edited("Hej då.")
    repository.file().write_text(theirs, encoding="utf-8")
    pulls(repository)

    assert repository.file().read_text(encoding="utf-8") == theirs
    with repository.database.read() as session:
        [each] = look(session, content=repository.content)
    assert each.standing is Standing.CONFLICT
    assert "-Hej då.\n" in each.diff
    assert "+Vi ses.\n" in each.diff


def test_a_conflict_ends_with_whose_text_is_taken(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    wanted = repository.edited("Vi ses.")
    repository.publish_edit()
    repository.file().write_text(repository.edited("Hej då."), encoding="utf-8")
    pulls(repository, Take.DASHBOARD)

    assert repository.file().read_text(encoding="utf-8") == wanted


def test_a_conflict_in_which_the_repository_is_taken_is_published_as_it_is(repository: Repository):
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    theirs = repository.edited("Hej då.")
    repository.file().write_text(theirs, encoding="utf-8")
    pulls(repository, Take.REPOSITORY)
    repository.publish(3)

    assert repository.live() == (3, theirs)


def test_edits_one_after_the_other_are_pulled_as_the_newest(repository: Repository):
    first, second = repository.edited("Vi ses."), repository.edited("Vi hörs.")
    for hours, text in ((1, first), (2, second)):
        repository.save(text)
        repository.publish_edit(hours=hours)
    repository.file().write_text(first, encoding="utf-8")

    assert standings(repository) == [Standing.BEHIND]
    pulls(repository)
    assert repository.file().read_text(encoding="utf-8") == second


def test_an_e_mail_of_the_repository_has_no_findings(sqlite_database: Database, tmp_path: Path):
    repository = Repository(sqlite_database, tmp_path)
    repository.publish()
    with sqlite_database.read() as session:
        email = live_email(session, NAME)
        assert findings(EXAMINER, email, email.template, ["sv", "en"]) == []
