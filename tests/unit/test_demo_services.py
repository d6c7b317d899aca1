"""The demo's supervisor: ports, folders, child processes; what the shop posts; how it is judged."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sekvens.clock import FrozenClock
from sekvens.demo import services
from sekvens.demo.calls import Call
from sekvens.demo.folder import MARKER, NotADemoFolder, own_folder, write_environ
from sekvens.demo.ports import Ports, reserve_ports
from sekvens.demo.processes import ROOT, Processes, Service, ServiceStopped
from sekvens.demo.services import Site
from sekvens.demo.settings import write_settings
from sekvens.demo.shop import post_all, wait_for_opening
from sekvens.demo.supervisor import Verdict
from sekvens.errors import SettingsError
from sekvens.flows.shop_time import shop_time
from sekvens.settings import load_settings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


class FakeClient:
    """Keeps what a shop's backend calls, as Segment's client takes it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []

    def identify(self, **given: object) -> None:
        self.calls.append(("identify", given))

    def track(self, **given: object) -> None:
        self.calls.append(("track", given))

    def page(self, **given: object) -> None:
        self.calls.append(("page", given))


@pytest.fixture
def processes(tmp_path):
    processes = Processes(environ=os.environ, logs=tmp_path / "logs")
    yield processes
    processes.close()


def service(*command: str, name: str = "sleeper", may_end: bool = False) -> Service:
    return Service(name=name, command=command, is_ready=lambda: True, may_end=may_end)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def gone_within(seconds: float, process_id: int) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(process_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(process_id)


def site(**given: object) -> Site:
    return Site(
        **{
            "ports": Ports(),
            "data": Path("none"),
            "day_seconds": 2.0,
            "origin": NOON,
            "write_key": "k",
            "link_secret": "s" * 32,
            **given,
        }
    )


def test_a_taken_port_is_named_and_the_next_free_one_is_used():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with reserve_ports(Ports(api=port)) as chosen:
            pass

    assert chosen.ports.api > port
    assert any(str(port) in note and str(chosen.ports.api) in note for note in chosen.notes)


def test_two_services_that_ask_for_one_port_get_two():
    with reserve_ports(Ports(api=9700, inbox=9700)) as chosen:
        assert chosen.ports.api != chosen.ports.inbox


def test_two_demos_that_start_at_once_share_no_port():
    with reserve_ports(Ports(api=9700)) as first, reserve_ports(Ports(api=9700)) as second:
        mine, theirs = asdict(first.ports).values(), asdict(second.ports).values()

        assert not set(mine) & set(theirs)


def test_a_demo_begins_without_what_an_earlier_demo_left(tmp_path):
    with own_folder(tmp_path / "demo", fresh=True) as folder:
        (folder / "sekvens.db").touch()

    with own_folder(tmp_path / "demo", fresh=True) as folder:
        assert [file.name for file in folder.iterdir()] == [MARKER]


@pytest.mark.parametrize("fresh", [True, False])
def test_a_folder_that_no_demo_made_is_refused_and_left_as_it_is(tmp_path, fresh):
    somebodys = tmp_path / "checkout"
    (somebodys / ".git").mkdir(parents=True)
    (somebodys / "worker.py").write_text("precious")

    with pytest.raises(NotADemoFolder), own_folder(somebodys, fresh=fresh):
        pass

    assert (somebodys / "worker.py").read_text() == "precious"
    assert sorted(file.name for file in somebodys.iterdir()) == [".git", "worker.py"]


def test_a_demo_never_empties_what_up_keeps(tmp_path):
    with own_folder(tmp_path / "up", fresh=False) as folder:
        (folder / "sekvens.db").touch()

    with pytest.raises(NotADemoFolder), own_folder(tmp_path / "up", fresh=True):
        pass

    assert (tmp_path / "up" / "sekvens.db").exists()


def test_a_link_to_somebodys_folder_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "demo").symlink_to(tmp_path / "theirs")

    with pytest.raises(NotADemoFolder), own_folder(tmp_path / "demo", fresh=True):
        pass


def test_a_second_demo_at_the_same_time_has_a_folder_of_its_own(tmp_path):
    with own_folder(tmp_path / "demo", fresh=True) as first:
        with own_folder(tmp_path / "demo", fresh=True) as second:
            assert first != second
        assert first.exists()


def test_what_other_commands_need_is_written_for_a_shell_and_nothing_else(tmp_path):
    write_environ(tmp_path / "env", {"SEKVENS_API__PORT": "1", "HOME": "/root"})

    assert (tmp_path / "env").read_text() == "export SEKVENS_API__PORT='1'\n"


def test_quick_days_are_refused_when_ses_is_not_local():
    amazons = {"SEKVENS_SES__ENDPOINT_URL": "", "SEKVENS_FEEDBACK__QUEUE_URL": "",
               "SEKVENS_FEEDBACK__TOPIC_ARNS": ""}  # fmt: skip
    environ = site().environ({}) | amazons

    with pytest.raises(SettingsError, match="only with a local SES"):
        load_settings(environ).shop_time()


def test_the_services_never_see_somebodys_own_temporal():
    environ = site().environ({"TEMPORAL_API_KEY": "secret", "TEMPORAL_ADDRESS": "cloud:7233"})

    assert "TEMPORAL_API_KEY" not in environ
    assert environ["TEMPORAL_ADDRESS"] == "127.0.0.1:7233"


def test_a_service_that_breaks_is_named_with_the_end_of_its_log(processes):
    processes.start(service(sys.executable, "-c", "import sys; sys.exit('no such table')"))
    time.sleep(0.5)

    with pytest.raises(ServiceStopped, match=r"sleeper ended.*code 1.*\n.*no such table"):
        processes.check()


def test_a_shop_whose_story_is_over_is_no_fault(processes):
    processes.start(service(sys.executable, "-c", "", name="shop", may_end=True))
    time.sleep(0.5)

    processes.check()


def test_stopping_ends_every_service(processes):
    processes.start(service(*SLEEPER))
    (process_id,) = processes.process_ids().values()

    processes.stop()

    assert not is_alive(process_id)


def test_a_killed_supervisor_leaves_no_service_behind(tmp_path):
    code = f"""
import os, sys, time
from pathlib import Path
from sekvens.demo.processes import Processes, Service
processes = Processes(environ=os.environ, logs=Path({str(tmp_path)!r}))
processes.start(Service(name="sleeper", command={SLEEPER!r}, is_ready=lambda: True))
print(processes.process_ids()["sleeper"], flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as supervisor:
        process_id = int(supervisor.stdout.readline())
        supervisor.send_signal(signal.SIGKILL)

    assert gone_within(5, process_id)


def posted(story: list[Call], *, opened_after: timedelta = timedelta(0)) -> FakeClient:
    """Let the shop post a story for a moment; days last two seconds, and the demo began at noon."""
    client, stop = FakeClient(), threading.Event()
    threading.Timer(0.2, stop.set).start()
    post_all(
        story,
        client,
        starts=NOON + opened_after,
        shop_time=shop_time(timedelta(seconds=2), NOON),
        clock=FrozenClock(NOON + opened_after),
        stop=stop,
    )
    return client


def test_the_shop_posts_each_call_when_its_day_has_come():
    client = posted(
        [
            Call(day=0, type="identify", user_id="u", data={"email": "u@example.com"}),
            Call(day=0, type="track", event="Product Viewed", anonymous_id="a", data={}),
            Call(day=50, type="page", user_id="u", data={}),
        ]
    )

    assert [kind for kind, _ in client.calls] == ["identify", "track"]
    assert all(given["timestamp"] is None for _, given in client.calls)


@pytest.mark.parametrize(("days_ago", "seconds"), [(300, -299 * 86400), (0.5, 1.0)])
def test_what_is_long_past_is_told_at_once_with_the_time_at_which_it_happened(days_ago, seconds):
    """Before the demo began, at noon, both clocks were one; it has lasted for a day of the shop."""
    story = [Call(day=-days_ago, type="track", event="Order Completed", user_id="u", data={})]

    ((_, given),) = posted(story, opened_after=timedelta(seconds=2)).calls

    assert given["timestamp"] == NOON + timedelta(seconds=seconds)


def test_a_write_key_may_begin_with_a_hyphen():
    command = services.shop(site(write_key="-abc")).command

    assert "--write-key=-abc" in command


def test_pictures_of_the_sample_shop_are_served_by_the_demos_own_api(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = site(data=tmp_path)

    told = write_settings(here, {})

    stories = load_settings(here.environ({}) | told).shop.stories
    assert {story.picture_url.rpartition("/pictures/")[0] for story in stories} == {
        f"{here.api_url}/sample-shop"
    }


def test_who_has_settings_of_their_own_keeps_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sekvens.toml").touch()

    assert write_settings(site(data=tmp_path), {}) == {}
    assert write_settings(site(data=tmp_path), {"SEKVENS_SETTINGS": "elsewhere.toml"}) == {}


def test_a_shop_opens_when_it_is_told_at_what_instant_its_story_begins(tmp_path):
    opening = tmp_path / "opened-at"
    threading.Timer(0.2, opening.write_text, [f"{NOON.isoformat()}\n"]).start()

    assert wait_for_opening(opening, stop=threading.Event()) == NOON


@pytest.mark.parametrize(
    ("e_mails", "left_early", "is_good"), [(3, 1, True), (0, 1, False), (3, 0, False)]
)
def test_a_demo_is_good_only_if_e_mails_arrived_and_somebody_left_early(
    e_mails, left_early, is_good
):
    assert Verdict(e_mails=e_mails, left_early=left_early).is_good is is_good
