"""The IAM policy of the documentation allows what the code calls, and nothing else."""

import ast
import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

POLICY = Path("docs/reference/iam-policy.json")
SERVICES = ("sesv2", "sqs", "sns")
#: The local SES is a server: it answers these operations, and calls none.
SERVERS = "sekvens/ses/local"

#: What IAM calls an operation, where it is not its own name.
OTHER_NAMES = {
    "sesv2:SendEmail": {"ses:SendEmail", "ses:SendRawEmail"},  # our content is raw
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "sqs:ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
}


def operations() -> dict[str, set[str]]:
    """Tell, by the name of its method in boto3, which operations of which services it may be."""
    session = botocore.session.get_session()
    named: dict[str, set[str]] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            named.setdefault(xform_name(operation), set()).add(f"{service}:{operation}")
    return named


def called() -> set[str]:
    """List the operations that are called on something that is named like a client of AWS."""
    known, found = operations(), set()
    for path in [
        *Path("sekvens").rglob("*.py"),
        *Path("activities").rglob("*.py"),
        Path("worker.py"),
    ]:
        if path.as_posix().startswith(SERVERS):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found |= {
                    operation
                    for operation in known.get(node.func.attr, ())
                    if is_client(node.func.value, operation.partition(":")[0])
                }
    return found


def is_client(node: ast.expr, service: str) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.strip("_") in {service, service.removesuffix("v2"), "client", "boto", "aws"}


def allowed() -> set[str]:
    policy: dict[str, Any] = json.loads(POLICY.read_text(encoding="utf-8"))
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def needed() -> set[str]:
    names = {operation: operation.replace("sesv2:", "ses:") for operation in called()}
    return {name for of, own in names.items() for name in OTHER_NAMES.get(of, {own})}


def test_the_code_calls_what_we_think_it_calls():
    assert {"sesv2:SendEmail", "sesv2:GetAccount", "sqs:ReceiveMessage"} <= called()


def test_the_policy_allows_what_is_called_and_nothing_else():
    assert allowed() == needed(), f"write {POLICY} and docs/security.md anew"


def test_nothing_is_allowed_on_everything_but_what_has_no_resource():
    statements = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]

    wide = [action for one in statements if one["Resource"] == "*" for action in one["Action"]]
    assert wide == ["ses:GetAccount"]
    assert not any("*" in action for one in statements for action in one["Action"])
    assert all(one["Effect"] == "Allow" for one in statements)
