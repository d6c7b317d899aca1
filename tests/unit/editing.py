"""What the tests of edits share: a small flow of the catalogue, with its e-mail in a folder."""

import shutil
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from sekvens.db.session import Database
from sekvens.edits import drafting, publishing
from sekvens.edits.drafting import text_digest
from sekvens.edits.examining import Examiner
from sekvens.edits.live import live_email
from sekvens.edits.merging import merge
from sekvens.enrollments.publish import live_flow, publish
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.moving import Policy
from sekvens.messages import templates
from sekvens.settings import SAMPLE_SHOP, load_settings
from tests.conftest import NOON

NAME = "referral-thanks/a-thank-you"
FLOW = next(flow for flow in CATALOGUE if flow.name == "referral-thanks")
EXAMINER = Examiner(settings=load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}), now=NOON)


class Repository:
    """A checkout's folder of e-mails, and the database that it is published to."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.content = database, folder / "content"
        shutil.copytree(templates.CONTENT / FLOW.name, self.content / FLOW.name)

    def file(self, key: str = "sv") -> Path:
        return self.content / f"{NAME}.{key}.md"

    def publish(self, version: int = 1) -> Flow:
        flow = replace(FLOW, version=version)
        store = partial(templates.store, content=self.content)
        with self.database.write() as session:
            publish(session, flow, now=NOON, store_templates=store, merge_edits=merge)
        return flow

    def live(self, key: str = "sv") -> tuple[int, str]:
        """Tell the live version and the text that it sends."""
        with self.database.read() as session:
            version = live_flow(session, FLOW.name).flow.version
            return version, live_email(session, NAME).template.sources[key]

    def save(self, text: str, key: str = "sv", *, author: str = "doris") -> None:
        """Save a text as somebody who saw the newest one."""
        with self.database.write() as session:
            before = drafting.unpublished(session, NAME, key)
            current = before.text if before else live_email(session, NAME).template.sources[key]
            drafting.save(
                session, NAME, key, text, seen=text_digest(current), author=author, now=NOON
            )

    def publish_edit(self, *, hours: int = 1, policy: Policy = Policy.FINISH_OLD) -> list[str]:
        with self.database.read() as session:
            seen = publishing.ready(session, NAME).seen
        versions = publishing.publish(
            self.database,
            EXAMINER,
            NAME,
            seen=seen,
            author="doris",
            note="a warmer word",
            policy=policy,
            now=NOON + timedelta(hours=hours),
        )
        return list(versions)

    def edited(self, word: str, key: str = "sv") -> str:
        """Write the file's text with another last line."""
        return f"{self.file(key).read_text(encoding='utf-8').rstrip()}\n\n{word}\n"
