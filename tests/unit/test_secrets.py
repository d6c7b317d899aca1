"""Secrets come from the environment or from files, and stand in no log, error or repr."""

import ast
import io
import logging
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from sekvens import sections
from sekvens.commands.program import sentence_for
from sekvens.db.session import Database
from sekvens.errors import SettingsError
from sekvens.messages.links import check_secret
from sekvens.settings import Settings, load_settings
from tests.unit.serving import served

CANARY = "canary-3f9a"
KEY = f"{CANARY}-{'k' * 32}"
WORDS_OF_SECRETS = ("secret", "password", "token", "write_key", "api_key")


def given(tmp_path: Path, **files: str) -> dict[str, str]:
    """Write files, and name each by its variable."""
    environ = {}
    for name, text in files.items():
        path = tmp_path / name.lower()
        path.write_text(text, encoding="utf-8")
        environ[f"SEKVENS_{name}_FILE"] = str(path)
    return environ


def test_a_secret_is_read_from_the_file_that_the_environment_names(tmp_path: Path):
    environ = given(tmp_path, API__LINK_SECRET=f"{KEY}\n", DATABASE__URL="sqlite:///a/b.db\n")
    read = load_settings(environ)

    assert (read.api.link_secret, read.database.url) == (KEY, "sqlite:///a/b.db")


def test_several_keys_stand_on_lines_of_their_own_the_newest_last(tmp_path: Path):
    old, new = "o" * 32, "n" * 32
    read = load_settings(
        given(tmp_path, API__LINK_SECRET=f"{old}\n{new}\n", API__WRITE_KEYS="a\nb")
    )

    assert read.api.link_secret == f"{old},{new}"
    assert read.api.write_keys == ("a", "b")


def test_the_settings_file_may_name_files_too_in_any_table(tmp_path: Path):
    secret = tmp_path / "erp"
    secret.write_text("whsec_" + "c2VrdmVucy10ZXN0LXNlY3JldC1vZi0yNC1ieXRlcw==", encoding="utf-8")
    (tmp_path / "keys").write_text("a\nb\n", encoding="utf-8")
    text = (
        Path("sekvens/sample_shop/sekvens.toml")
        .read_text(encoding="utf-8")
        .replace("[api]", f'[api]\nwrite_keys_file = "{tmp_path}/keys"', 1)
    )
    if "[api]" not in text:
        text += f'\n[api]\nwrite_keys_file = "{tmp_path}/keys"\n'
    text += f'\n[webhooks.erp]\nurl = "https://erp.example/x"\nsecret_file = "{secret}"\n'
    file = tmp_path / "sekvens.toml"
    file.write_text(text, encoding="utf-8")
    read = load_settings({"SEKVENS_SETTINGS": str(file)})

    assert read.webhooks["erp"].secret.startswith("whsec_")
    assert read.api.write_keys == ("a", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "cannot be read"), ("", "is empty"), ("x" * 70_000, "far too long"),
     (b"\xff\xfe", "no UTF-8"), ("sqlite:///a\nsqlite:///b", "several lines")],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path: Path, text: Any, told: str):
    path = tmp_path / "url"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(SettingsError, match=f"SEKVENS_DATABASE__URL_FILE: .*{told}"):
        load_settings({"SEKVENS_DATABASE__URL_FILE": str(path)})


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path):
    environ = given(tmp_path, API__LINK_SECRET=KEY) | {"SEKVENS_API__LINK_SECRET": KEY}

    with pytest.raises(SettingsError, match="both set") as raised:
        load_settings(environ)
    assert CANARY not in str(raised.value)


def with_canaries() -> Settings:
    return load_settings({
        "SEKVENS_API__LINK_SECRET": KEY,
        "SEKVENS_API__WRITE_KEYS": f"{CANARY}-w1,{CANARY}-w2",
        "SEKVENS_DATABASE__URL": f"postgresql+psycopg://sekvens:{CANARY}@127.0.0.1:1/none",
    })  # fmt: skip


@pytest.mark.parametrize("show", [repr, str, pretty_repr, "{!r}".format, lambda one: f"{one}"])
def test_settings_show_no_secret_however_they_are_shown(show: Any):
    read = with_canaries()

    assert CANARY not in show(read)
    assert CANARY not in show(read.api)
    assert CANARY not in show(read.database)


def sections_with_secrets() -> list[type]:
    kinds = [kind for kind in vars(sections).values() if isinstance(kind, type)]
    return [
        kind
        for kind in kinds
        if issubclass(kind, msgspec.Struct)
        and any(word in name for name in kind.__struct_fields__ for word in WORDS_OF_SECRETS)
    ]


@pytest.mark.parametrize("section", sections_with_secrets())
def test_every_section_that_has_a_secret_hides_it(section: type):
    named = {name for name in section.__struct_fields__  # type: ignore[attr-defined]
             if any(word in name for word in WORDS_OF_SECRETS)}  # fmt: skip

    assert issubclass(section, sections.SecretSection), "let it inherit SecretSection"
    assert named <= sections.SECRETS, "name its secret in SECRETS"


@pytest.mark.parametrize(
    "environ",
    [
        {"SEKVENS_API__LINK_SECRET": CANARY},
        {"SEKVENS_DATABASE__URL": f"mysql://{CANARY}@x/y"},
        {"SEKVENS_API__PORT": "x", "SEKVENS_API__LINK_SECRET": KEY},
        {"SEKVENS_API__SECRET": KEY},
        {"SEKVENS_WEBHOOKS__ERP": KEY},
    ],
)
def test_no_refusal_of_settings_quotes_a_secret(environ: dict[str, str]):
    with pytest.raises(SettingsError) as raised:
        check_secret(load_settings(environ).api)

    assert CANARY not in str(raised.value)


def test_a_database_that_does_not_answer_is_told_without_its_password():
    database = Database(with_canaries().database.url)
    with pytest.raises(Exception, match="connection") as raised, database.read() as session:
        session.connection()

    assert CANARY not in str(sentence_for(raised.value))
    assert CANARY not in str(raised.value)
    assert CANARY not in repr(database.engine.url)


async def test_no_log_of_a_served_request_holds_a_key(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.DEBUG)
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    keys = {"SEKVENS_API__LINK_SECRET": KEY, "SEKVENS_API__WRITE_KEYS": f"{CANARY}-w"}
    async with served(sqlite_database, **keys) as client:
        for path in ("/v1/track", "/u/x", "/a/x", "/nothing", "/openapi.json", "/docs", "/health"):
            for method in ("GET", "POST", "PUT"):
                reply = await client.request(method, path, auth=(f"{CANARY}-w", ""), content=b"{")
                assert CANARY not in reply.text + str(reply.headers)

    assert CANARY not in caplog.text + written.getvalue()
    assert CANARY not in "".join(os.environ.values())


SECRETIVE = ("signature", "token", "secret", "password", "mac", "hmac")


def equalities() -> list[str]:
    """List every `==` of the product that has a name in it which sounds like a secret."""
    found = []
    for path in Path("sekvens").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        suspect = "==" in text and any(word in text for word in SECRETIVE)
        for node in ast.walk(ast.parse(text)) if suspect else ():
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                names = [name for side in sides if (name := last_name(side))]
                if any(name.split("_")[-1].lower() in SECRETIVE for name in names):
                    found.append(f"{path}: {ast.unparse(node)}")
    return found


def last_name(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


def test_nothing_that_sounds_like_a_secret_is_compared_in_a_time_that_tells():
    assert equalities() == [], "compare secrets by hmac.compare_digest"
