"""The manifests against Kubernetes' own schemas, strictly, and with each component's patches in."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.unit.test_deploy import KUBERNETES, ROOT, container, of_kind, resources

SCHEMAS = json.loads((ROOT / "tests/unit/schemas/kubernetes-1.34.json").read_text("utf-8"))
#: What the cluster gets from elsewhere has no schema here: KEDA, Prometheus' operator, kustomize.
OTHERS = {"ScaledObject", "PodMonitor", "Kustomization", "Component"}
COMPONENTS = ("keda", "metrics", "versioned")


def faults(resource: dict[str, Any]) -> list[str]:
    """Say where a resource is not what Kubernetes takes."""
    name = SCHEMAS["kinds"][f"{resource['apiVersion']} {resource['kind']}"]
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMAS["$defs"]}
    found = jsonschema_rs.validator_for(schema).iter_errors(resource)
    return [f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in found]


def with_components() -> Iterator[dict[str, Any]]:
    """Give each resource as it is with the patches of every component applied."""
    patches = [
        patch
        for name in COMPONENTS
        for patch in yaml.safe_load(
            (KUBERNETES / "components" / name / "kustomization.yaml").read_text("utf-8")
        )["patches"]
    ]
    for resource in copy.deepcopy(resources()):
        named = {"kind": resource["kind"], "name": resource.get("metadata", {}).get("name")}
        for patch in patches:
            if patch["target"] == named:
                for operation in yaml.safe_load(patch["patch"]):
                    change(resource, operation)
        yield resource


def change(resource: Any, operation: dict[str, Any]) -> None:
    """Do one operation of a JSON patch."""
    *way, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    at = resource
    for part in way:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if operation["op"] == "remove":
        del at[last]
    elif last == "-":
        at.append(operation["value"])
    else:
        assert operation["op"] == "add" or last in at, operation
        at[last] = operation["value"]


CHANGED = list(with_components())


def changed(kind: str) -> list[dict[str, Any]]:
    return [each for each in CHANGED if each["kind"] == kind]


@pytest.mark.parametrize("given", [resources(), CHANGED], ids=["bare", "with components"])
def test_kubernetes_takes_every_resource(given: list[dict[str, Any]]):
    asked = [each for each in given if each["kind"] not in OTHERS]

    assert len(asked) > len(given) / 2
    assert [(each["metadata"]["name"], faults(each)) for each in asked if faults(each)] == []


def test_a_word_that_kubernetes_does_not_know_is_noticed():
    deployment = copy.deepcopy(of_kind("Deployment")[0])
    container(deployment["spec"]["template"]["spec"])["readynessProbe"] = {}

    assert "readynessProbe" in faults(deployment)[0]


def test_the_metrics_are_asked_for_where_each_process_tells_them():
    (monitor,), (policy,) = (
        changed("PodMonitor"),
        [each for each in changed("NetworkPolicy") if each["metadata"]["name"] == "metrics"],
    )
    (endpoint,), (let_in,) = monitor["spec"]["podMetricsEndpoints"], policy["spec"]["ingress"]
    for deployment in changed("Deployment"):
        inside = container(deployment["spec"]["template"]["spec"])
        environ = {each["name"]: each["value"] for each in inside["env"]}
        (port,) = [each for each in inside["ports"] if each["name"] == endpoint["port"]]
        assert environ["SEKVENS_HEALTH_PORT"] == str(port["containerPort"])
        assert environ["SEKVENS_HEALTH_HOST"] == "0.0.0.0"  # noqa: S104  let in by the policy alone
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for chosen in (monitor["spec"]["selector"], policy["spec"]["podSelector"]):
            (rule,) = chosen["matchExpressions"]
            assert labels[rule["key"]] in rule["values"]
    assert let_in["ports"] == [{"protocol": "TCP", "port": endpoint["port"]}]
    assert {"action": "replace", "targetLabel": "job", "replacement": "sekvens"} in endpoint[
        "relabelings"
    ]


def test_a_version_of_the_workers_is_scaled_by_what_waits_for_it_alone():
    (scaled,) = changed("ScaledObject")
    (worker,) = [each for each in changed("Deployment") if "worker" in each["metadata"]["name"]]
    environ = {
        each["name"]: each["value"] for each in container(worker["spec"]["template"]["spec"])["env"]
    }
    build_id, asked = environ["SEKVENS_WORKER__BUILD_ID"], scaled["spec"]["triggers"][0]["metadata"]

    assert asked["workerDeploymentName"] == environ["SEKVENS_WORKER__DEPLOYMENT"]
    assert asked["workerDeploymentBuildId"] == build_id
    assert scaled["spec"]["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert worker["metadata"]["name"] == scaled["metadata"]["name"] == f"worker-{build_id}"
    assert worker["spec"]["selector"]["matchLabels"]["sekvens/build-id"] == build_id
    assert worker["spec"]["template"]["metadata"]["labels"]["sekvens/build-id"] == build_id
