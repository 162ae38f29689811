"""What a release is made of says the same thing once."""

import re
from pathlib import Path

import pytest

import jwt_drf_passwordless

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.standalone


def test_the_version_stands_in_one_place():
    metadata = (ROOT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in metadata
    assert '[tool.hatch.version]\npath = "jwt_drf_passwordless/__init__.py"' in metadata
    package = Path(jwt_drf_passwordless.__file__).parent
    repeated = [path.name for path in package.rglob("*.py") if jwt_drf_passwordless.__version__ in path.read_text()]
    assert repeated == ["__init__.py"]


def test_the_oldest_releases_are_those_that_are_declared():
    """Each with the floor of dependency or extra; one that is newer says why."""

    def release(version):
        return (*map(int, version.split(".")), 0, 0)[:3]

    declared = (ROOT / "pyproject.toml").read_text().split("\ndependencies = [")[1].split("\n[project.entry-points")[0]
    floors = dict(re.findall(r'"([\w-]+)(?:\[\w+\])?>=([\d.]+)"', declared))
    assert len(floors) == declared.count(">=") > 15
    pins = re.findall(r"^([\w-]+)==([\d.]+)(?: # (.+))?$", (ROOT / "tests" / "lowest.txt").read_text(), re.MULTILINE)
    assert [name for name, *_ in pins] == list(floors)
    for name, pin, why in pins:
        newer = release(pin) > release(floors[name])
        assert newer if why else release(pin) == release(floors[name]), name


def test_the_image_has_the_extras_of_the_demo():
    of_demo, of_image = (
        re.search(r"install .*?'\.\[([\w,-]+)\]' (--group.*)", (ROOT / name).read_text()).groups()
        for name in ("Makefile", "Dockerfile")
    )
    assert set(of_image[0].split(",")) == {*of_demo[0].split(","), "postgresql"}
    assert set(of_image[1].split()) == {*of_demo[1].split(), "example"}
