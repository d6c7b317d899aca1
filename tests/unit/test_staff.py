"""Accounts, passwords and sessions of the staff."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.staff import accounts, sessions
from sekvens.staff.passwords import PasswordRefused, check_password, fits, hashed
from sekvens.staff.tables import Role, StaffMember, StaffSession
from tests.unit.staffing import PASSWORD, add_staff, quick_scrypt  # noqa: F401  a fixture


def logged_in(database: Database, clock: FrozenClock, name: str = "doris") -> str:
    with database.write() as session:
        return sessions.begin(session, session.get_one(StaffMember, name), now=clock.now())


def who(database: Database, clock: FrozenClock, session_id: str) -> str | None:
    with database.write() as session:
        member = sessions.whose(session, session_id, now=clock.now())
        return member.name if member else None


def test_a_password_is_kept_as_scrypt_and_told_from_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    kept = hashed(PASSWORD)

    assert kept.startswith("scrypt$32768$8$3$")
    assert PASSWORD not in kept
    assert kept != hashed(PASSWORD)
    assert fits(PASSWORD, kept)
    assert not fits(PASSWORD + "!", kept)


@pytest.mark.parametrize("given", ["short", "x" * 300, "doris och doris", "aaaaaaaaaaaaaaa", ""])
def test_a_password_that_could_be_guessed_is_refused_and_not_quoted(given: str):
    with pytest.raises(PasswordRefused) as raised:
        check_password(given, name="doris")

    assert not given or given not in str(raised.value)


@pytest.mark.parametrize("name", ["", "d", "Doris Larsson", "doris\n", "<b>", "x" * 65])
def test_a_name_that_is_none_is_refused(sqlite_database: Database, name: str):
    with pytest.raises(accounts.StaffRefused, match="a name has"):
        add_staff(sqlite_database, name)


def test_a_name_is_given_once_whatever_its_letters(database: Database):
    add_staff(database, "Doris")

    with pytest.raises(accounts.StaffRefused, match="there already"):
        add_staff(database, "doris")


def test_only_name_and_password_together_let_somebody_in(sqlite_database: Database):
    add_staff(sqlite_database)

    with sqlite_database.read() as session:
        assert accounts.authenticated(session, " Doris", PASSWORD) is not None
        assert accounts.authenticated(session, "doris", PASSWORD.upper()) is None
        assert accounts.authenticated(session, "bengt", PASSWORD) is None


def test_of_a_session_only_a_hash_is_kept(database: Database, clock: FrozenClock):
    add_staff(database)
    session_id = logged_in(database, clock)

    with database.read() as session:
        kept = session.scalars(select(StaffSession.id_hash)).one()
    assert session_id not in kept
    assert len(kept) == 64
    assert who(database, clock, session_id) == "doris"
    assert who(database, clock, kept) is None


def test_a_session_ends_after_half_an_hour_of_nothing(database: Database, clock: FrozenClock):
    add_staff(database)
    session_id = logged_in(database, clock)
    seen = []
    for minutes in (29, 29, 31):
        clock.move(timedelta(minutes=minutes))
        seen.append(who(database, clock, session_id))

    assert seen == ["doris", "doris", None]


def test_a_session_ends_after_twelve_hours_however_busy(
    sqlite_database: Database, clock: FrozenClock
):
    add_staff(sqlite_database)
    session_id = logged_in(sqlite_database, clock)
    seen = []
    for _ in range(36):
        clock.move(timedelta(minutes=20))
        seen.append(who(sqlite_database, clock, session_id))

    assert seen == ["doris"] * 35 + [None]


def test_sessions_that_are_over_are_forgotten_at_the_next_login(
    database: Database, clock: FrozenClock
):
    add_staff(database)
    logged_in(database, clock)
    clock.move(timedelta(hours=1))
    logged_in(database, clock)

    with database.read() as session:
        assert len(session.scalars(select(StaffSession)).all()) == 1


@pytest.mark.parametrize("change", ["disable", "password"])
def test_another_password_and_a_disabling_end_every_session(
    sqlite_database: Database, clock: FrozenClock, change: str
):
    add_staff(sqlite_database)
    session_id = logged_in(sqlite_database, clock)
    with sqlite_database.write() as session:
        if change == "disable":
            accounts.disable(session, "doris", now=clock.now())
        else:
            accounts.set_password(
                session, "doris", password="en helt annan mening", now=clock.now()
            )

    assert who(sqlite_database, clock, session_id) is None


def test_who_is_disabled_cannot_log_in_until_there_is_another_password(
    sqlite_database: Database, clock: FrozenClock
):
    add_staff(sqlite_database)
    other = "en helt annan mening"
    with sqlite_database.write() as session:
        accounts.disable(session, "doris", now=clock.now())
    with sqlite_database.write() as session:
        assert accounts.authenticated(session, "doris", PASSWORD) is None
        accounts.set_password(session, "doris", password=other, now=clock.now())

    with sqlite_database.read() as session:
        assert accounts.authenticated(session, "doris", other) is not None


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", [True, False, False]), ("editor", [True, True, False]),
                      ("operator", [True, True, True])],
)  # fmt: skip
def test_each_role_may_do_what_the_one_before_it_may(role: str, may: list[bool]):
    assert [Role(role).may(wanted) for wanted in Role] == may


def test_a_form_token_fits_its_own_session_alone():
    mine, yours = sessions.new_session_id(), sessions.new_session_id()

    assert sessions.is_form_token(mine, sessions.form_token(mine))
    assert not sessions.is_form_token(mine, sessions.form_token(yours))
    assert not sessions.is_form_token(mine, "é")
