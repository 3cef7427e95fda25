"""Where a package is to run: what markers and the names of wheels are held against.

`here` is this interpreter, `of` another one on this machine, which is asked; `stated` a machine that is only described.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging import tags
from packaging.markers import default_environment
from packaging.tags import Tag
from packaging.utils import canonicalize_name

from holdall.errors import UsageError

# Asked of an interpreter that need not have anything installed; `-I` keeps it from what lies around.
_QUESTION = """
import json, os, platform, sys
from importlib import metadata
v = sys.implementation.version
kind = v.releaselevel
full = "%d.%d.%d" % v[:3] + ("" if kind == "final" else kind[0] + str(v.serial))
found = {}
for d in metadata.distributions():
    if d.metadata["Name"]:
        found.setdefault(d.metadata["Name"], d.version)
print(json.dumps({
    "environment": {
        "implementation_name": sys.implementation.name, "implementation_version": full, "os_name": os.name,
        "platform_machine": platform.machine(), "platform_release": platform.release(),
        "platform_system": platform.system(), "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]), "sys_platform": sys.platform,
    },
    "installed": found,
}))
"""
_SYSTEMS = {"linux": ("posix", "Linux"), "macos": ("posix", "Darwin"), "windows": ("nt", "Windows")}
_SYS_PLATFORM = {"linux": "linux", "macos": "darwin", "windows": "win32"}
_MACHINES = {
    "linux": {"x86_64": "x86_64", "aarch64": "aarch64"},
    "macos": {"x86_64": "x86_64", "arm64": "arm64"},
    "windows": {"x86_64": "AMD64", "arm64": "ARM64"},
}
_GLIBC = (2, 28)
_MACOS = (14, 0)


@dataclass(frozen=True)
class Target:
    """environment: the values of PEP 508 markers. tags: of wheels that run there, the best first; None where not known.

    installed: canonical name → version; None for a machine that is only described.
    """

    environment: Mapping[str, str]
    tags: tuple[Tag, ...] | None
    installed: Mapping[str, str] | None

    @property
    def python(self) -> str:
        return self.environment["python_full_version"]


def here() -> Target:
    """This interpreter."""
    from importlib import metadata

    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(canonicalize_name(name), distribution.version)
    environment = {key: str(value) for key, value in default_environment().items()}
    return Target(environment, tuple(tags.sys_tags()), found)


def of(interpreter: Path) -> Target:
    """The interpreter at this path, which is started to be asked. Raises UsageError where it is none."""
    command = [str(interpreter), "-I", "-c", _QUESTION]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        plain = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        plain = None
    if plain is None:
        raise UsageError(f"{interpreter} is not a Python that runs", hint="give the path of a python")
    installed: dict[str, str] = {canonicalize_name(name): version for name, version in plain["installed"].items()}
    return Target(plain["environment"], None, installed)


def stated(platform: str | None = None, python: str | None = None, glibc: str | None = None) -> Target:
    """A machine by description; what is not said is as it is here.

    platform: 'linux-x86_64', 'linux-aarch64', 'macos-arm64', 'macos-x86_64', 'windows-x86_64', 'windows-arm64'.
    python: '3.12' or '3.12.4'. glibc: '2.28', the least that the machine has. Raises UsageError for other words.
    """
    own = default_environment()
    system, machine = _platform(platform or _own_platform())
    version = _version(python or ".".join(own["python_full_version"].split(".")[:2]), "--python", "3.12")
    minor = (version[0], version[1])
    floor = _version(glibc, "--glibc", "2.28") if glibc is not None else _GLIBC
    if glibc is not None and system != "linux":
        raise UsageError(f"{system} has no glibc", hint="leave --glibc out")
    full = ".".join(map(str, (*version, 0)[:3]))
    os_name, platform_system = _SYSTEMS[system]
    environment = {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": os_name,
        "platform_machine": _MACHINES[system][machine],
        "platform_release": "",
        "platform_system": platform_system,
        "platform_version": "",
        "python_full_version": full,
        "platform_python_implementation": "CPython",
        "python_version": f"{minor[0]}.{minor[1]}",
        "sys_platform": _SYS_PLATFORM[system],
    }
    return Target(environment, tuple(_tags(minor, list(_platform_tags(system, machine, (floor[0], floor[1]))))), None)


def _tags(minor: tuple[int, int], platforms: list[str]) -> Iterator[Tag]:
    interpreter = f"cp{minor[0]}{minor[1]}"
    yield from tags.cpython_tags(python_version=minor, abis=[interpreter], platforms=platforms)
    yield from tags.compatible_tags(python_version=minor, interpreter=interpreter, platforms=platforms)


def _platform_tags(system: str, machine: str, glibc: tuple[int, int]) -> Iterator[str]:
    if system == "windows":
        yield {"x86_64": "win_amd64", "arm64": "win_arm64"}[machine]
    elif system == "macos":
        yield from tags.mac_platforms(_MACOS, machine)
    else:
        for lesser in range(glibc[1], 4, -1):
            yield f"manylinux_2_{lesser}_{machine}"
            old = {17: "2014", 12: "2010", 5: "1"}.get(lesser)
            if old is not None:
                yield f"manylinux{old}_{machine}"
        yield f"linux_{machine}"


def _own_platform() -> str:
    own = default_environment()
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(own["sys_platform"], own["sys_platform"])
    machine = {"AMD64": "x86_64", "ARM64": "arm64"}.get(own["platform_machine"], own["platform_machine"])
    return f"{system}-{machine}"


def _platform(text: str) -> tuple[str, str]:
    system, _, machine = text.partition("-")
    if machine not in _MACHINES.get(system, {}):
        known = ", ".join(f"{name}-{kind}" for name, kinds in _MACHINES.items() for kind in kinds)
        raise UsageError(f"{text!r} is not a platform that holdall knows", hint=f"use one of {known}")
    return system, machine


def _version(text: str, flag: str, example: str) -> tuple[int, ...]:
    parts = text.split(".")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{text!r} is not a version for {flag}", hint=f"write {flag} {example}")
    return tuple(int(part) for part in parts)
