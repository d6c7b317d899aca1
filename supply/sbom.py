"""`make sbom`: a bill of materials (CycloneDX 1.6, JSON) of what the product installs.

Made of `requirements.txt` alone, with the licences that the installed packages state. The same lock
file gives the same bytes: no time, no random number.
"""

import sys
import uuid
from importlib import metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from sekvens import __version__
from supply.locked import ROOT, Locked, read_lock

_NAMESPACE = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
#: A statement of a licence that is longer is its text.
_LICENCE_CHARACTERS_MAX = 80


def bill(locked: list[Locked]) -> str:
    """Write the bill of these packages."""
    bom = Bom(components=[_component(one) for one in locked])
    contents = " ".join(f"{one.name}=={one.version}" for one in locked)
    bom.serial_number = uuid.uuid5(_NAMESPACE, contents)
    bom.metadata.timestamp = None
    bom.metadata.component = Component(
        name="sekvens", version=__version__, type=ComponentType.APPLICATION, bom_ref="sekvens",
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
    )  # fmt: skip
    bom.register_dependency(bom.metadata.component, bom.components)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


def _component(locked: Locked) -> Component:
    purl = PackageURL("pypi", name=locked.name, version=locked.version)
    licence = licence_of(locked.name)
    return Component(
        name=locked.name,
        version=locked.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in locked.hashes],
        licenses=[DisjunctiveLicense(name=licence)] if licence else [],
    )


def licence_of(name: str) -> str | None:
    """Tell the licence that an installed package states; None if it is not here, or does not."""
    try:
        stated = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classified = [
        value.rpartition(" :: ")[2]
        for value in stated.get_all("Classifier") or ()
        if value.startswith("License :: OSI Approved :: ")
    ]
    written = stated.get("License-Expression") or stated.get("License") or ""
    short = written if written and len(written) <= _LICENCE_CHARACTERS_MAX else ""
    return short or " OR ".join(classified) or None


def main() -> None:
    """Write the bill to a file, or to the screen."""
    text = bill(read_lock(ROOT / "requirements.txt"))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")
        print(f"{sys.argv[1]} is written.")
    else:
        print(text)


if __name__ == "__main__":
    main()
