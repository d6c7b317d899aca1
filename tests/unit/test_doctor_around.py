"""The doctor at real things: a database, a local SES, a resolver, a message, the command line."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text, update
from sqlalchemy.orm import Session
from temporalio.client import Client

from sekvens.db.migrate import known_revisions, upgrade
from sekvens.db.session import Database
from sekvens.doctor.aws import BotoAws
from sekvens.doctor.findings import CouldNotBeAsked, Finding, Level
from sekvens.doctor.names import DnsNames, address_of
from sekvens.doctor.temporal_checks import ask_temporal
from sekvens.enrollments.publish import publish, publish_catalogue
from sekvens.enrollments.tables import FlowVersion
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.messages import templates
from sekvens.ses.local.server import LocalSes, LocalSesOptions, running_local_ses
from starter import main
from tests.unit.examining import looked, our_settings, set_up
from tests.unit.ingesting import NOON
from tests.unit.test_relay_temporal import address, client  # noqa: F401  fixtures

FAULT, WARNING, OK = Level.FAULT, Level.WARNING, Level.OK


def of_database(name: str, url: str) -> Finding:
    finding = looked(f"database: {name}", set_up(settings=our_settings(url)))
    assert finding is not None
    return finding


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none' / 'sekvens.db'}"
    findings = [of_database(name, url) for name in ("reachable", "migrations", "flows")]

    assert [finding.level for finding in findings] == [FAULT, WARNING, WARNING]
    assert list(tmp_path.iterdir()) == []


def test_the_schema_is_compared_with_this_version_s(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sekvens.db'}"
    empty = create_engine(url)
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE other (id INTEGER)"))
    said = [of_database("migrations", url)]
    database = Database(url)
    upgrade(database)
    said.append(of_database("migrations", url))
    for revision in (known_revisions()[0], "9999"):
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        said.append(of_database("migrations", url))
    database.close()

    assert [finding.level for finding in said] == [FAULT, OK, FAULT, FAULT]
    assert ["newer" in finding.what for finding in said] == [False, False, False, True]


def test_a_database_of_nobody_s_has_no_schema(database: Database) -> None:
    findings = [of_database(name, url_of(database)) for name in ("reachable", "migrations")]

    is_sqlite = database.engine.dialect.name == "sqlite"
    assert [f.level for f in findings] == [WARNING if is_sqlite else OK, FAULT]


def test_every_e_mail_of_every_live_flow_is_composed(sqlite_database: Database) -> None:
    url = url_of(sqlite_database)
    nothing = of_database("flows", url)
    with sqlite_database.write() as session:
        publish_catalogue(session, CATALOGUE, now=NOON, store_templates=templates.store)
    published, composed = of_database("flows", url), of_database("e-mails", url)
    with sqlite_database.write() as session:
        session.execute(update(FlowVersion).where(FlowVersion.flow == "welcome").values(live=False))
    behind = of_database("flows", url)

    assert (nothing.level, published.level, composed.level) == (FAULT, OK, OK)
    assert (behind.level, "welcome" in behind.what) == (WARNING, True)


def test_an_e_mail_that_cannot_be_composed_is_named(
    sqlite_database: Database, tmp_path: Path
) -> None:
    source = tmp_path / "content" / "welcome" / "hello.sv.md"
    source.parent.mkdir(parents=True)
    source.write_text("---\nsubject: x\npreheader: y\n---\n{{ nobody_knows }}\n")

    def store(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
        content = tmp_path / "content"
        broken = templates.store(session, ["welcome/hello"], now=now, content=content)
        return templates.store(session, names, now=now) | broken

    with sqlite_database.write() as session:
        publish(session, replace(WELCOME, version=99), now=NOON, store_templates=store)
    finding = of_database("e-mails", url_of(sqlite_database))

    assert (finding.level, "welcome/hello (sv)" in finding.what) == (FAULT, True)


async def test_temporal_is_asked_for_the_namespace(
    address: str,  # noqa: F811
    client: Client,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    made = set_up(temporal=ask_temporal)
    names = ("reachable", "search attributes", "retention")
    found = [await asyncio.to_thread(looked, f"Temporal: {each}", made) for each in names]
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nobodys")
    lost = await asyncio.to_thread(looked, "Temporal: reachable", set_up(temporal=ask_temporal))

    assert [each and each.level for each in found] == [OK, FAULT, WARNING]
    assert found[1] is not None
    assert "ExitReason, ParkedReason" in found[1].what
    assert lost is not None
    assert (lost.level, "NOT_FOUND" in lost.what) == (FAULT, True)


@pytest.fixture(scope="module")
def ses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSes]:
    options = LocalSesOptions(identities=frozenset({"ourshop.se"}))
    with running_local_ses(tmp_path_factory.mktemp("ses"), options) as running:
        yield running


def of_local_ses(ses: LocalSes, name: str, **given: str) -> Finding | None:
    local = {"SEKVENS_SES__ENDPOINT_URL": ses.url, "SEKVENS_FEEDBACK__QUEUE_URL": ses.queue_url}
    settings = our_settings(**(local | given))
    return looked(name, set_up(settings=settings, aws=BotoAws(settings)))


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("SES: reachable", OK), ("SES: access", OK), ("SES: quota", OK),
        ("SES: suppression list", OK), ("SES: identity", OK), ("SES: DKIM", OK),
        ("events: queue", OK), ("events: queue policy", OK), ("events: dead letters", OK),
    ],
)  # fmt: skip
def test_the_local_ses_is_in_order(ses: LocalSes, name: str, level: Level) -> None:
    finding = of_local_ses(ses, name)

    assert finding is not None
    assert finding.level == level, finding.what


def test_the_local_ses_tells_what_it_lacks(ses: LocalSes) -> None:
    aws = BotoAws(our_settings(SEKVENS_SES__ENDPOINT_URL=ses.url, SEKVENS_FEEDBACK__QUEUE_URL=""))
    destinations = aws.destinations() or []

    assert aws.identity("another.se") is None
    assert "SEND" in destinations[0]["MatchingEventTypes"]
    nowhere = of_local_ses(ses, "events: queue", SEKVENS_FEEDBACK__QUEUE_URL=f"{ses.url}/1/other")
    assert nowhere is not None
    assert (nowhere.level, "QueueDoesNotExist" in nowhere.what) == (FAULT, True)


def test_a_service_that_does_not_answer_is_told_in_words_of_ours() -> None:
    gone = "http://127.0.0.1:9"
    settings = our_settings(SEKVENS_SES__ENDPOINT_URL=gone, SEKVENS_FEEDBACK__QUEUE_URL="")
    finding = looked("SES: reachable", set_up(settings=settings, aws=BotoAws(settings)))

    assert finding is not None
    assert (finding.level, "EndpointConnectionError" in finding.what) == (FAULT, True)


class Resolver(threading.Thread):
    """A DNS server on this machine that knows one TXT record, in two strings."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            asked, whence = self._socket.recvfrom(4096)
            query = dns.message.from_wire(asked)
            reply = dns.message.make_response(query)
            name = query.question[0].name
            if name.to_text() == "ourshop.se.":
                said = '"v=spf1 include:" "amazonses.com ~all"'
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", said))
            elif name.to_text() == "broken.se.":
                reply.set_rcode(dns.rcode.SERVFAIL)
            else:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(reply.to_wire(), whence)


def test_names_are_looked_up_at_the_resolver_that_is_named() -> None:
    resolver = Resolver()
    resolver.start()
    names = DnsNames(resolver.address)

    assert names.texts("ourshop.se") == ["v=spf1 include:amazonses.com ~all"]
    assert names.texts("other.se") == []
    with pytest.raises(CouldNotBeAsked, match=r"broken\.se"):
        names.texts("broken.se")


def test_a_resolver_s_address_may_have_a_port() -> None:
    read = [address_of(each) for each in ("1.1.1.1", "127.0.0.1:5353", "::1", "[::1]:53", "[::1]")]

    assert read == [
        ("1.1.1.1", 53), ("127.0.0.1", 5353), ("::1", 53), ("::1", 53), ("::1", 53),
    ]  # fmt: skip
    for wrong in ("dns.se", "1.1.1.1:0", "1.1.1.1:x", ":53", "1.1.1.1:99999", ""):
        with pytest.raises(ValueError, match=r".*"):
            address_of(wrong)


ALL = "from:to:subject:list-unsubscribe:list-unsubscribe-post"
LEAVE = "List-Unsubscribe: <https://post.ourshop.se/u/x>\r\n"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def signed(domain: str = "ourshop.se", covers: str = ALL, more: str = "") -> str:
    folded = covers.replace(":list-unsub", ":\r\n\tList-Unsub")
    return (
        f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=x;{more}\r\n"
        f"\th={folded}; bh=a=; b=b=\r\n"
    )


OWN, AMAZON = signed(), signed("amazonses.com")
MESSAGES: list[tuple[str, str, Level | None, str]] = [
    ("DKIM covers", OWN + AMAZON + LEAVE + POST, OK, "beside amazonses.com"),
    ("DKIM covers", OWN + signed(more=" ") + LEAVE + POST, OK, "2 signatures"),
    ("DKIM covers", OWN + signed(covers="from:to") + LEAVE + POST, FAULT, "list-unsubscribe"),
    ("DKIM covers", AMAZON + LEAVE + POST, FAULT, "only by amazonses.com"),
    ("DKIM covers", LEAVE + POST, FAULT, "by nobody"),
    ("DKIM covers", signed(covers="from:list-unsubscribe") + POST, FAULT, "list-unsubscribe-post"),
    ("DKIM covers", signed(covers="list-unsubscribe:list-unsubscribe-post"), FAULT, "from"),
    ("DKIM covers", signed(more=" l=100;"), WARNING, "part of the body"),
    ("DKIM covers", signed("shop.se"), FAULT, "only by shop.se"),
    ("DKIM covers", signed("se"), FAULT, "only by se"),
    ("DKIM covers", "DKIM-Signature: nonsense\r\n", FAULT, "not by its own"),
    ("one click", LEAVE + POST, OK, ""),
    ("one click", POST, FAULT, "no List-Unsubscribe"),
    ("one click", LEAVE, FAULT, "List-Unsubscribe-Post"),
    ("one click", "List-Unsubscribe: <mailto:u@ourshop.se>\r\n" + POST, FAULT, "https"),
    ("receiver", "Authentication-Results: mx.x; dkim=pass\r\n", OK, ""),
    ("receiver", "Authentication-Results: mx.x; spf=pass\r\n", WARNING, ""),
    ("receiver", "Authentication-Results: mx.x; dkim=FAIL\r\n", FAULT, "dkim=fail"),
    ("receiver", "", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "headers", "level", "said"), MESSAGES)
def test_what_a_received_message_shows_is_told(
    tmp_path: Path, name: str, headers: str, level: Level | None, said: str
) -> None:
    file = tmp_path / "received.eml"
    head = f"{headers}From: Maja <maja@ourshop.se>\r\nSubject: Hej\r\n\r\nHej\r\n"
    file.write_bytes(head.encode())
    finding = looked(f"message: {name}", set_up(message=file))

    assert (finding and finding.level) == level, finding
    assert finding is None or said in finding.what, finding


@pytest.mark.parametrize("raw", [b"", b"\x00\xff" * 900, b"no message at all\n", b"{}" * 400_000])
def test_a_file_that_is_no_message_could_not_be_read(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "received.eml"
    file.write_bytes(raw)
    found = [looked(f"message: {n}", set_up(message=file)) for n in ("one click", "DKIM covers")]

    assert [f and f.level for f in found] == [WARNING, WARNING]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ses: LocalSes) -> Any:
    """Run `starter.py doctor` with a local SES, no Temporal, and a migrated database."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'sekvens.db'}"
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setenv("SEKVENS_SES__ENDPOINT_URL", ses.url)
    monkeypatch.setenv("SEKVENS_API__LINK_SECRET", "s" * 32)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:9")
    database = Database(url)
    upgrade(database)
    database.close()
    return lambda *given: CliRunner().invoke(main, ["doctor", *given])


def test_the_command_tells_all_and_its_exit_code_says_whether_there_is_a_fault(doctor: Any) -> None:
    shown, as_json = doctor(), doctor("--json")
    rows = json.loads(as_json.stdout)

    assert (shown.exit_code, as_json.exit_code) == (1, 1)
    assert {"area", "check", "level", "what", "to_do"} == set(rows[0])
    assert {row["check"] for row in rows if row["level"] == "fault"} == {
        "flows", "reachable", "identity",
    }  # fmt: skip
    assert "faults" in shown.output.splitlines()[-1]
    assert "s" * 32 not in shown.output


def test_bad_input_is_told_in_a_sentence(doctor: Any) -> None:
    for given in (["--resolver", "dns"], ["--message", "/none"], ["--message", "."]):
        told = doctor(*given)

        assert (told.exit_code, "Error: Invalid value" in told.output) == (2, True)


def test_nothing_is_written_by_looking(doctor: Any, tmp_path: Path) -> None:
    before = (tmp_path / "sekvens.db").read_bytes()
    doctor("--json")

    assert (tmp_path / "sekvens.db").read_bytes() == before
