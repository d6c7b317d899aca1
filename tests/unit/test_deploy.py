"""`compose.yaml` and `deploy/kubernetes` keep to the code: commands, settings, ports, patience."""

import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from sekvens import probe
from sekvens.enrollments import names
from sekvens.events.pressure import TASKS_WAITING_MAX
from sekvens.sections import SECRETS, SesSettings
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.web.app import create_app
from starter import main
from worker import QUICK_THREADS, SHUTDOWN_GRACE

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
#: What we read that is no setting of a section, and what others read who run in our processes.
OTHER_NAMES = {
    "SEKVENS_SETTINGS",
    "SEKVENS_LOG_LEVEL",
    "SEKVENS_HEALTH_PORT",
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "FORWARDED_ALLOW_IPS",
}
#: After the worker's own patience: threads, connections, and a machine that is busy.
MARGIN_SECONDS = 15


class Run:
    """One of our processes, as a file of `deploy/` starts it."""

    def __init__(self, name: str, arguments: list[str], environ: dict[str, str]) -> None:
        self.name, self.arguments, self.environ = name, arguments, environ


@functools.cache
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def ours_in_compose() -> dict[str, dict[str, Any]]:
    services = compose()["services"].items()
    return {name: each for name, each in services if each["image"].startswith("sekvens:")}


@functools.cache
def resources() -> list[dict[str, Any]]:
    files = sorted(KUBERNETES.rglob("*.yaml"))
    found = [yaml.safe_load_all(file.read_text(encoding="utf-8")) for file in files]
    return [each for documents in found for each in documents]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in resources() if each["kind"] in kinds]


def pods() -> dict[str, dict[str, Any]]:
    found = of_kind("Deployment", "Job")
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in found}


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    return only


def runs() -> Iterator[Run]:
    for name, service in ours_in_compose().items():
        yield Run(f"compose: {name}", service["command"], service["environment"])
    (shared,) = of_kind("ConfigMap")
    for name, pod in pods().items():
        inside = container(pod)
        own = {each["name"]: each["value"] for each in inside.get("env", ())}
        yield Run(f"kubernetes: {name}", inside["args"], shared["data"] | own)


RUNS = list(runs())
EACH_RUN = pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
EACH_POD = pytest.mark.parametrize("name", sorted(pods()))


def settings_with(environ: dict[str, str], folder: Path) -> None:
    """Read the settings as the process would, its files being these."""
    given = dict(environ)
    for name in [name for name in given if name.endswith("_FILE") and name.startswith("SEKVENS_")]:
        secret = folder / name
        url = "postgresql+psycopg://sekvens@postgres/sekvens"
        secret.write_text(url if "DATABASE" in name else "s" * 40, encoding="utf-8")
        given[name] = str(secret)
    if "SEKVENS_SETTINGS" in given:
        given["SEKVENS_SETTINGS"] = str(SAMPLE_SHOP)
    said = {key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for key, value in given.items()}
    load_settings(said)


@EACH_RUN
def test_what_is_started_exists_with_its_options(run: Run):
    program, *words = run.arguments
    if program == "-m":
        assert (ROOT / words[0].replace(".", "/")).is_dir()
        return
    assert (ROOT / program).is_file()
    if program == "starter.py":
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        assert not words


@EACH_RUN
def test_every_name_in_an_environment_is_one_that_is_read(run: Run, tmp_path: Path):
    settings = {name for name in run.environ if re.fullmatch(r"SEKVENS_[A-Z]+__\w+", name)}

    assert set(run.environ) - settings <= OTHER_NAMES
    settings_with(run.environ, tmp_path)  # an unknown setting, or one of another kind, is refused


@EACH_RUN
def test_no_secret_stands_in_an_environment(run: Run):
    given = {name.lower().rpartition("__")[2] for name in run.environ}

    assert not given & SECRETS - {"public_url"}
    assert not [value for value in run.environ.values() if re.search(r"://[^/]*:[^/]*@", value)]


@EACH_RUN
def test_every_process_that_lasts_is_asked_where_it_answers(run: Run):
    words = " ".join(run.arguments)
    if words == "starter.py api":
        assert run.environ.get("SEKVENS_API__PORT", probe.API_PORT) == "8080"
        assert run.environ["SEKVENS_API__HOST"] == "0.0.0.0"  # noqa: S104  as in a container
        assert "SEKVENS_HEALTH_PORT" not in run.environ
    elif words in {"starter.py relay", "worker.py"} or "local" in words:
        assert run.environ["SEKVENS_HEALTH_PORT"].isdecimal()


def test_all_three_kinds_of_process_and_both_jobs_are_in_either_set_up():
    wanted = {"api", "relay", "worker", "migrate", "publish"}

    assert set(pods()) == wanted
    assert set(ours_in_compose()) == wanted | {"local-ses"}


def test_the_health_of_the_api_is_where_kubernetes_asks_for_it(sqlite_database):
    app = create_app(load_settings({}), sqlite_database, clock=None)  # type: ignore[arg-type]
    inside = container(pods()["api"])
    (port,) = inside["ports"]

    assert inside["readinessProbe"]["httpGet"] == {"path": "/health", "port": port["name"]}
    assert "/health" in {getattr(route, "path", "") for route in app.routes} | set(
        app.openapi()["paths"]
    )
    assert {"name": "SEKVENS_API__PORT", "value": str(port["containerPort"])} in inside["env"]


def test_nobody_is_cut_off_who_finishes_what_is_running():
    wanted = SHUTDOWN_GRACE.total_seconds() + MARGIN_SECONDS
    for deployment in of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        hook = container(pod).get("lifecycle", {}).get("preStop", {}).get("exec", {})
        waits = int(hook.get("command", ["sleep", "0"])[1])
        assert pod["terminationGracePeriodSeconds"] >= wanted + waits, deployment["metadata"]
    for name, service in ours_in_compose().items():
        assert int(service["stop_grace_period"].removesuffix("s")) >= wanted, name


def test_a_probe_is_given_longer_than_it_takes_by_itself():
    for name, pod in pods().items():
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container(pod).get(kind, {"timeoutSeconds": 99})
            assert asked["timeoutSeconds"] > probe.TIMEOUT_SECONDS, (name, kind)
            if kind != "readinessProbe" and "exec" in asked:  # a slow database is no reason to die
                assert asked["exec"]["command"] == ["python", "-m", "sekvens.probe", "--alive"]


@EACH_POD
def test_no_pod_of_ours_may_do_more_than_it_must(name: str):
    pod = pods()[name]
    inside = container(pod)["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10_000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert inside["readOnlyRootFilesystem"] is True
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} <= set(container(pod)["resources"])


@EACH_POD
def test_every_secret_of_a_pod_is_a_file_that_it_asks_for(name: str):
    pod = pods()[name]
    (shared,) = of_kind("ConfigMap")
    own = {each["name"]: each["value"] for each in container(pod).get("env", ())}
    asked = {Path(v) for k, v in (shared["data"] | own).items() if k.endswith("_FILE")}
    mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    given = {Path(mounts["secrets"]) / i["path"] for i in volumes["secrets"]["secret"]["items"]}

    assert asked == given  # and nobody is given one that it has no use for
    assert set(mounts) == set(volumes)
    assert shared["data"]["SEKVENS_SETTINGS"] == f"{mounts['settings']}/sekvens.toml"


def test_every_secret_of_compose_is_a_file_that_prepare_makes():
    described, script = compose(), (ROOT / "deploy/compose/prepare.sh").read_text(encoding="utf-8")
    for name, secret in described["secrets"].items():
        assert secret == {"file": f"./var/secrets/{name}"}
        assert re.search(rf"\| keep {name}$", script, re.MULTILINE)
    for name, service in ours_in_compose().items():
        files = {v for k, v in service["environment"].items() if k.endswith("_FILE")}
        given = {f"/run/secrets/{secret}" for secret in service["secrets"]}
        assert files == given, name
        assert set(service["secrets"]) <= set(described["secrets"])


def test_prepare_makes_what_compose_mounts_once(tmp_path: Path):
    (tmp_path / "deploy/compose").mkdir(parents=True)
    (tmp_path / "sekvens/sample_shop").mkdir(parents=True)
    script = tmp_path / "deploy/compose/prepare.sh"
    script.write_bytes((ROOT / "deploy/compose/prepare.sh").read_bytes())
    (tmp_path / "sekvens/sample_shop/sekvens.toml").write_bytes(SAMPLE_SHOP.read_bytes())
    made = []
    for _ in range(2):
        subprocess.run(["sh", script], check=True, capture_output=True)
        made.append({p.name: p.read_text() for p in (tmp_path / "var/secrets").iterdir()})

    assert made[0] == made[1]
    assert set(made[0]) == set(compose()["secrets"])
    assert (tmp_path / "var/secrets").stat().st_mode & 0o777 == 0o700
    settings = load_settings(
        {
            "SEKVENS_SETTINGS": str(tmp_path / "sekvens.toml"),
            "SEKVENS_DATABASE__URL_FILE": str(tmp_path / "var/secrets/database_url"),
            "SEKVENS_API__LINK_SECRET_FILE": str(tmp_path / "var/secrets/link_secret"),
        }
    )
    assert made[0]["postgres_password"].strip() in settings.database.url
    assert len(settings.api.link_secret) >= 32


def test_compose_lets_nobody_in_from_outside_and_nobody_of_ours_be_root():
    for name, service in compose()["services"].items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
    for name, service in ours_in_compose().items():
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name


def test_the_database_of_compose_has_a_connection_for_every_thread():
    command = " ".join(compose()["services"]["postgres"]["command"])
    (allowed,) = re.findall(r"max_connections=(\d+)", command)
    worker = 2 * (QUICK_THREADS + 2 * SesSettings().concurrency)
    said = (ROOT / "docs/how-to/scale.md").read_text(encoding="utf-8")

    assert f"which is {worker};" in said
    assert int(allowed) >= worker + 80 + 40 + 3  # API, relay, and those that PostgreSQL keeps back


def test_compose_waits_for_what_must_be_there_before():
    services = compose()["services"]
    for name in ("api", "relay", "worker"):
        assert "healthcheck" not in services[name], "the image's own asks the right port"
        for before, how in services[name]["depends_on"].items():
            wanted = services[before].get("healthcheck", {})
            ends = wanted.get("disable", False)
            condition = "service_completed_successfully" if ends else "service_healthy"
            assert how == {"condition": condition}, (name, before)


def test_the_autoscaler_counts_the_queue_that_workers_empty():
    (scaled,) = of_kind("ScaledObject")
    (shared,) = of_kind("ConfigMap")
    (trigger,) = scaled["spec"]["triggers"]
    asked = trigger["metadata"]

    assert asked["taskQueue"] == names.FLOWS_QUEUE
    assert asked["namespace"] == shared["data"]["TEMPORAL_NAMESPACE"]
    assert asked["endpointFromEnv"] in shared["data"]
    assert scaled["spec"]["scaleTargetRef"]["name"] == "worker"
    # What the relay lets wait at the most is worth more workers than the fewest there are.
    wanted = TASKS_WAITING_MAX / int(asked["targetQueueSize"])
    assert scaled["spec"]["minReplicaCount"] < wanted < scaled["spec"]["maxReplicaCount"]


def test_every_kustomization_names_files_that_exist():
    for folder in [path.parent for path in KUBERNETES.rglob("kustomization.yaml")]:
        said = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        for path in said.get("resources", []) + said.get("components", []):
            there = folder / path
            assert there.is_file() or (there / "kustomization.yaml").is_file(), there
        wanted = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert wanted <= set(said.get("resources", [])), folder


def test_every_selector_finds_somebody():
    labels = [
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for each in of_kind("Deployment")
    ]
    for each in of_kind("Deployment", "Service", "PodDisruptionBudget"):
        selector = each["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        assert selector["app.kubernetes.io/name"] in labels, each["metadata"]
    deployments = {each["metadata"]["name"] for each in of_kind("Deployment")}
    for each in of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        assert each["spec"]["scaleTargetRef"]["name"] in deployments
