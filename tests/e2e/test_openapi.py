"""Schemathesis over the API's own description: every reply is one that it names."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.web import limits
from sekvens.web.app import create_app
from sekvens.web.rates import Rate
from tests.unit import serving

#: A reply that the description does not name is a fault, of the one or of the other.
HELD = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)


def description() -> dict[str, Any]:
    """Describe the API, as its page does; no database is asked for that."""
    app = create_app(serving.settings(), Database("sqlite:///nowhere.db"), SystemClock())
    return app.openapi()


OPERATIONS = {
    result.ok().label: result.ok()
    for result in schemathesis.openapi.from_dict(description()).get_all_operations()
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the app; all requests come from one source, faster than any person's."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    listener = socket.create_server(("127.0.0.1", 0))
    with pytest.MonkeyPatch.context() as patch:
        for rate in ("LINKS", "STRANGE"):
            patch.setattr(limits, rate, Rate(burst=1e9, per_second=1e9))
        app = create_app(serving.settings(), database, SystemClock())
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()
    database.close()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_reply_is_one_that_the_description_names(operation: str, url: str) -> None:
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[operation].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=url, auth=(serving.WRITE_KEY, ""), checks=list(HELD))

    ask()
