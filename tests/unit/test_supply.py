"""The bill of materials names what is locked, and the audit finds what is known, offline."""

import json
import subprocess
import sys

import pytest

from supply.audit import DATA, LOCKS, Fault, faults_of
from supply.locked import ROOT, Locked, read_lock, read_locks
from supply.sbom import bill

KNOWN = json.loads(DATA.read_text(encoding="utf-8"))


def test_the_bill_names_every_package_that_is_locked_with_its_hashes():
    locked = read_lock(ROOT / "requirements.txt")
    listed = json.loads(bill(locked))["components"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()

    assert len(listed) == sum("==" in line for line in lines)
    assert {(one["name"], one["version"]) for one in listed} == {
        (one.name, one.version) for one in locked
    }
    assert all(one["hashes"] and one["purl"].startswith("pkg:pypi/") for one in listed)


def test_the_same_lock_file_gives_the_same_bill():
    locked = read_lock(ROOT / "requirements.txt")
    made = bill(locked)

    assert made == bill(locked)
    assert json.loads(made)["specVersion"] == "1.6"
    assert "timestamp" not in json.loads(made)["metadata"]


@pytest.mark.parametrize(
    ("version", "is_known"), [("3.1.4", True), ("3.1.5", True), ("3.1.6", False)]
)
def test_a_version_with_a_known_fault_is_found_and_told_with_its_remedy(version, is_known):
    faults = faults_of([Locked(name="jinja2", version=version, hashes=())], KNOWN)

    assert bool(faults) == is_known
    assert not is_known or any("fixed in 3.1.6" in str(fault) for fault in faults)
    assert all(isinstance(fault, Fault) for fault in faults)


def test_nothing_that_we_lock_has_a_fault_that_is_known_here():
    assert [str(fault) for fault in faults_of(read_locks(LOCKS), KNOWN)] == []


def test_the_audit_says_how_old_its_knowledge_is():
    run = [sys.executable, "-m", "supply.audit"]
    said = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert KNOWN["date"] in said
    assert "not known here" in said
