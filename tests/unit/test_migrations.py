"""The migrations make exactly the tables that the code declares, on both databases."""

import json

from alembic import command
from sqlalchemy import inspect, text

from sekvens.db.migrate import _run, check, upgrade
from sekvens.db.session import Database
from sekvens.db.tables import metadata


def empty(database: Database) -> None:
    metadata.drop_all(database.engine)
    with database.write() as session:
        session.execute(text("DROP TABLE IF EXISTS alembic_version"))


def test_the_migrations_make_the_tables_that_the_code_declares(database: Database):
    empty(database)

    upgrade(database)
    check(database)

    assert set(metadata.tables) < set(inspect(database.engine).get_table_names())


def test_what_was_kept_of_feedback_gets_its_word(database: Database):
    empty(database)
    _run(database, lambda config: command.upgrade(config, "0003"))
    soft, hard = ({"bounce": {"bounceType": kind}} for kind in ("Transient", "Permanent"))
    rows = {"a": ("Bounce", soft), "b": ("Bounce", hard), "c": ("Send", {}), "d": ("New", {})}
    with database.write() as session:
        for name, (given, raw) in rows.items():
            session.execute(
                text("INSERT INTO feedback (id, type, is_ours, at, read_at, raw) VALUES "
                     "(:id, :type, true, '2026-03-04', '2026-03-04', :raw)"),
                {"id": name, "type": given, "raw": json.dumps(raw)},
            )  # fmt: skip

    upgrade(database)

    with database.read() as session:
        found = session.execute(text("SELECT id, kind, detail FROM feedback ORDER BY id")).all()
    assert [tuple(row) for row in found] == [
        ("a", "soft_bounced", "Transient/Undetermined"),
        ("b", "bounced", "Permanent/Undetermined"),
        ("c", "accepted", None),
        ("d", "unknown", None),
    ]


def test_upgrading_twice_changes_nothing(database: Database):
    empty(database)
    upgrade(database)

    upgrade(database)

    check(database)
