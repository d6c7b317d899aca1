"""`deploy/Dockerfile` keeps to the code: what it copies, installs, compiles, and runs as whom."""

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with what follows it, continued lines joined."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined)]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    last = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def test_the_dockerfile_copies_what_exists_and_what_the_builder_is_given():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = set()
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            copied |= set(shlex.split(rest)[:-1])

    assert copied == let_in
    assert all((ROOT / path).exists() for path in copied)


def test_the_image_has_what_the_product_imports_and_runs_it_as_nobody_in_particular():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    words = dict(instructions())
    (image,) = [rest for word, rest in instructions() if word == "ARG"]
    version = re.fullmatch(r"PYTHON_IMAGE=python:(\d+)\.(\d+)-slim", image)
    assert version is not None
    assert f">={version[1]}.{version[2]}" == wanted["requires-python"]
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes -r requirements.txt" in installs[0]

    stage = dict(last_stage())
    assert stage["USER"] == "10001:10001"
    assert not [rest for _, rest in last_stage() if re.search(r"\b(apt|pip|gcc)\b", rest)]
    assert words["ENTRYPOINT"] == '["python"]'
    assert stage["HEALTHCHECK"].endswith('CMD ["python", "-m", "sekvens.probe"]')
    assert "PYTHONDONTWRITEBYTECODE" not in stage["ENV"]
    compiled = [rest for word, rest in instructions() if word == "RUN" and "compileall" in rest]
    assert ["unchecked-hash" in each for each in compiled] == [True]


def test_roots_of_the_code_are_all_in_the_image():
    copied = " ".join(rest for word, rest in instructions() if word == "COPY")
    tested = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]

    assert all(f" {root}" in f" {copied}" for root in tested["importlinter"]["root_packages"])
