"""`preview --watch`: the gallery of the files as they are now, served to the one who edits them.

On 127.0.0.1 alone, to a browser that came to that address; an e-mail that cannot be made says so in
its place, with file and line, and the others are there.
"""

import hashlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.messages.gallery import GalleryMaker
    from sekvens.settings import Settings


class PortTaken(SekvensError):
    """Another program has this port: give another one with --port."""


def serve(settings: "Settings", *, port: int, in_browser: bool = False) -> None:
    """Serve until it is interrupted.

    Raises:
        PortTaken: another program has the port.
    """
    from sekvens.messages.templates import CONTENT, LAYOUT

    server = make_server(_maker(settings), (CONTENT, LAYOUT), port=port)
    address = f"http://127.0.0.1:{server.server_port}/"
    click.echo(f"Every e-mail is shown at {address} and follows each saved file; Ctrl-C ends it.")
    if in_browser:
        click.launch(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Ended.")
    finally:
        server.server_close()


def make_server(
    maker: "GalleryMaker", folders: tuple[Path, ...], *, port: int
) -> ThreadingHTTPServer:
    """Make the server of a gallery whose files lie in folders; port 0 is any that is free.

    Raises:
        PortTaken: another program has the port.
    """
    lock = Lock()

    def page() -> str:
        with lock:  # what was made of unchanged files is kept, for one request after the other
            # Before the files are read: what is saved meanwhile is seen the next time.
            return maker.page(seen=seen(folders))

    try:
        return ThreadingHTTPServer(
            ("127.0.0.1", port), _handler({"/": page, "/seen": lambda: seen(folders)})
        )
    except OSError as error:
        raise PortTaken(f"port {port} is taken: give another one with --port") from error


def seen(folders: tuple[Path, ...]) -> str:
    """Tell the state of all files: another one once any has been saved, made or deleted."""
    state = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.*")):
            try:
                found = file.stat()
            except FileNotFoundError:  # an editor has just put another one in its place
                continue
            state.update(f"{file} {found.st_mtime_ns} {found.st_size}\n".encode())
    return state.hexdigest()


def _maker(settings: "Settings") -> "GalleryMaker":
    from sekvens.clock import SystemClock
    from sekvens.feeds.reading import samples
    from sekvens.messages.gallery import GalleryMaker
    from sekvens.messages.templates import CONTENT

    return GalleryMaker(
        shop=settings.shop,
        now=SystemClock().now(),
        public_url=settings.api.public_url,
        feeds=samples(settings.feeds),
        content=CONTENT,
        shows_faults=True,
    )


def _handler(pages: "dict[str, Callable[[], str]]") -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            # A page from elsewhere that has been led to this machine knows another name for it.
            host = self.headers.get("host", "").partition(":")[0]
            if page is None or host not in ("127.0.0.1", "localhost"):
                self.send_error(404)
                return
            body = page().encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a page that looks three times a second would."""

    return Handler
