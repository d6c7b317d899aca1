"""`preview --watch`: each saved file is shown, and a fault is told in place of its e-mail."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sekvens.commands.preview_watch import PortTaken, make_server
from sekvens.messages.gallery import GalleryMaker
from sekvens.messages.templates import CONTENT
from tests.unit.composing import NOW, sample_shop


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    for flow in ("referral-thanks", "double-opt-in"):
        shutil.copytree(CONTENT / flow, folder / flow)
    return folder


def maker(content: Path) -> GalleryMaker:
    return GalleryMaker(
        shop=sample_shop(),
        now=NOW,
        public_url="https://post.shop.example",
        feeds={},
        content=content,
        shows_faults=True,
    )


@contextmanager
def watching(content: Path) -> Iterator[int]:
    server = make_server(maker(content), (content,), port=0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(port: int, path: str = "/", *, host: str = "127.0.0.1") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": host})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def test_a_saved_file_is_seen_and_shown(content: Path):
    file = content / "referral-thanks/a-thank-you.sv.md"
    with watching(content) as port:
        before, state = get(port)[1], get(port, "/seen")[1]
        file.write_text(file.read_text(encoding="utf-8") + "\nVi ses i vår.\n", encoding="utf-8")
        after, changed = get(port)[1], get(port, "/seen")[1]

    assert f'now !== "{state}"' in before
    assert "Vi ses i vår." not in before
    assert changed != state
    assert "Vi ses i vår." in after


def test_a_fault_is_shown_with_file_and_line_and_the_others_are_there(content: Path):
    file = content / "referral-thanks/a-thank-you.sv.md"
    lines = len(file.read_text(encoding="utf-8").splitlines())
    file.write_text(file.read_text(encoding="utf-8") + "\n{{ nosuch }}\n", encoding="utf-8")
    with watching(content) as port:
        status, page = get(port)

    assert status == 200
    assert f"a-thank-you.sv.md, line {lines + 2}" in page
    assert "nosuch" in page.partition('role="alert"')[2]
    assert page.count("data-mail=") > 0


def test_only_what_was_edited_is_made_anew(content: Path):
    made = maker(content)
    made.page()
    before = dict(made.made)
    file = content / "referral-thanks/a-thank-you.sv.md"
    file.write_text(file.read_text(encoding="utf-8") + "\nVi ses.\n", encoding="utf-8")
    made.page()

    new = [name for name, *_ in made.made.keys() - before.keys()]
    assert len(set(new)) == 1
    assert len(new) == 2  # its locales


@pytest.mark.parametrize(("path", "host"), [("/x", "127.0.0.1"), ("/", "evil.example"), ("/", "")])
def test_nothing_else_and_nobody_else_is_answered(content: Path, path: str, host: str):
    with watching(content) as port:
        assert get(port, path, host=host)[0] == 404


def test_a_port_that_is_taken_is_told(content: Path):
    with watching(content) as port, pytest.raises(PortTaken, match="--port"):
        make_server(maker(content), (content,), port=port)
