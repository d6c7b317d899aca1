"""Files of histories, as Temporal's CLI, its UI and Sekvens write them: JSON, gzipped or not.

Whatever is wrong with one is a failure that names what, and nobody else's.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.json_format import ParseError
from temporalio.client import WorkflowHistory

from sekvens.errors import SekvensError

SUFFIXES = (".json", ".json.gz")
_GZIP = b"\x1f\x8b"
#: What the SDK and the parser say of JSON that is something else; ParseError is no ValueError.
_NO_HISTORY = (ParseError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class NoSuchHistory(SekvensError):
    """There is no file or folder of this name to replay."""


class UnreadableHistory(SekvensError):
    """A file is no history as Temporal writes it."""


def find(paths: Iterable[Path]) -> list[Path]:
    """List the files that are named, and those of histories in the folders that are; each once.

    Raises:
        NoSuchHistory: something that is named is not there.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise NoSuchHistory(f"{path} does not exist: name a file of a history, or a folder")
        inside = path.rglob("*") if path.is_dir() else [path]
        wanted = (one for one in inside if one == path or one.name.endswith(SUFFIXES))
        found.update(dict.fromkeys(sorted(one for one in wanted if not one.is_dir())))
    return list(found)


def read(path: Path) -> WorkflowHistory:
    """Read a file's history; its id is that of the workflow, or the file's name.

    Raises:
        UnreadableHistory: it cannot be read, or is no history from its first event on.
    """
    text = _text_of(path)
    try:
        content = json.loads(text)
        events = content if isinstance(content, list) else content["events"]
        history = WorkflowHistory.from_json(path.name, {"events": events})
    except _NO_HISTORY as error:
        raise UnreadableHistory(
            f"no history as Temporal writes it ({type(error).__name__}); take it from `temporal "
            "workflow show --output json`, or undecoded from the UI"
        ) from error
    if not history.events or not history.events[0].HasField(
        "workflow_execution_started_event_attributes"
    ):
        raise UnreadableHistory("it does not begin with the start of a workflow: it is cut short")
    started = history.events[0].workflow_execution_started_event_attributes
    return WorkflowHistory(workflow_id=started.workflow_id or path.name, events=history.events)


def write(path: Path, history: WorkflowHistory) -> None:
    """Write a history, gzipped, for the owner of the file alone."""
    content = gzip.compress(history.to_json().encode(), mtime=0)
    # Whole or not at all: a gate that was broken off leaves no half file to the next.
    half = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    half.replace(path)


def make_folder(folder: Path) -> None:
    """Make a folder for histories that its owner alone may look into; one that is there stays."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw.startswith(_GZIP) else raw).decode()
    except OSError as error:  # what is wrong with gzip is one, too, without a word of the system's
        reason = error.strerror or "it is broken"
    except (EOFError, zlib.error):
        reason = "it is cut short"
    except UnicodeDecodeError:
        reason = "it is no text"
    raise UnreadableHistory(f"it cannot be read: {reason}")
