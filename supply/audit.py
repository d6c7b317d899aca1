"""`make audit`: known faults of the packages that the lock files pin, from data that is kept here.

It asks nobody, so that it runs anywhere; and it knows only what its data knows, whose date it says.
Newer faults are found by a tool that asks: `pip-audit -r requirements.txt`, in your own CI.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from supply.locked import ROOT, Locked, normalised, read_locks

DATA = Path(__file__).parent / "advisories.json"
LOCKS = tuple(sorted(ROOT.glob("requirements*.txt")))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A known fault of a package that is pinned."""

    package: Locked
    advisory: str
    fixed: str | None

    def __str__(self) -> str:
        remedy = f"fixed in {self.fixed}" if self.fixed else "no version is fixed"
        return f"{self.package.name} {self.package.version}: {self.advisory}, {remedy}"


def faults_of(locked: list[Locked], data: dict[str, Any]) -> list[Fault]:
    """Find every advisory that holds for a pinned version."""
    advisories: dict[str, list[dict[str, Any]]] = {}
    for advisory in data["advisories"]:
        advisories.setdefault(advisory["package"], []).append(advisory)
    return [
        Fault(package=one, advisory=advisory["id"], fixed=reach[1])
        for one in locked
        for advisory in advisories.get(one.name, ())
        for reach in advisory["ranges"]
        if _reaches(reach, Version(one.version))
    ]


def _reaches(reach: list[str | None], version: Version) -> bool:
    introduced, fixed = reach
    since = introduced in (None, "0") or version >= Version(str(introduced))
    return since and (fixed is None or version < Version(fixed))


def taken_from(checkout: Path, names: set[str], *, commit: str, date: str) -> dict[str, Any]:
    """Take out of a checkout of github.com/pypa/advisory-database what is about these packages."""
    import yaml

    found = []
    for file in sorted(checkout.glob("vulns/*/*.yaml")):
        if normalised(file.parent.name) in names:
            found += _advisories(yaml.safe_load(file.read_text(encoding="utf-8")))
    return {
        "source": "https://github.com/pypa/advisory-database",
        "licence": "CC-BY-4.0",
        "commit": commit,
        "date": date,
        "advisories": sorted(found, key=lambda one: (one["package"], one["id"])),
    }


def _advisories(told: dict[str, Any]) -> list[dict[str, Any]]:
    if told.get("withdrawn"):
        return []
    return [
        {
            "id": told["id"],
            "aliases": sorted(told.get("aliases", ())),
            "package": normalised(affected["package"]["name"]),
            "ranges": [
                pair
                for reach in affected.get("ranges", ())
                if reach["type"] == "ECOSYSTEM"
                for pair in _pairs(reach["events"])
            ],
        }
        for affected in told["affected"]
    ]


def _pairs(events: list[dict[str, str]]) -> list[list[str | None]]:
    pairs: list[list[str | None]] = []
    for event in events:
        if "introduced" in event:
            pairs.append([event["introduced"], None])
        elif "fixed" in event and pairs:
            pairs[-1][1] = event["fixed"]
    return pairs


def main() -> int:
    """Say what is known of what is pinned; 1 if anything is."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    locked = read_locks(LOCKS)
    faults = faults_of(locked, data)
    for fault in faults:
        print(fault)
    known = len(data["advisories"])
    print(
        f"{len(locked)} packages, {known} advisories about them known on {data['date']}: "
        f"{len(faults)} faults. What was published since is not known here: "
        "`pip-audit -r requirements.txt` asks."
    )
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
