"""A process that gives up what it does not need, before it touches a file of unknown making: the network, other processes,
every file but Python's own.

Three things of Linux, each through one system call and none of them needing root: a network namespace of its own, Landlock
for files, a seccomp filter for sockets and for reaching into other processes. Where the kernel lacks one, the others still
hold and `enter` says what is missing: a sandbox that is not there must not look like one that is.

This module is imported by the enclosed process first of all, so it takes nothing but the standard library: a namespace can
only be left while there is one thread.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI = 1
_BENEATH = 1

# Landlock's rights over files, by the version of the kernel's interface that knows them.
_EXECUTE, _WRITE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_FIRST = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_READS = _EXECUTE | _READ_FILE | _READ_FOLDER
_OF_FILES = _EXECUTE | _WRITE | _READ_FILE | _TRUNCATE | _IOCTL

_DENIED = (
    # The network.
    "socket",
    # Other processes of this user, and leaving the group that is ended with this one.
    "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_getfd pidfd_send_signal process_madvise ptrace kcmp",
    "process_vm_readv process_vm_writev setpgid setsid",
    # What they share with each other.
    "shmget shmat msgget semget keyctl add_key request_key",
    # Ways around, or into the kernel.
    "mount umount2 pivot_root chroot unshare setns open_by_handle_at bpf io_uring_setup perf_event_open userfaultfd",
)
"""Calls that are refused."""
_FEIGNED = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat file_setattr",
    "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat",
    "setpriority sched_setaffinity ioprio_set",
)
"""Calls that say yes and do nothing. Landlock does not look at who may do what with a file, so a file of the user's could be
closed to them or opened to all; and libraries that copy a file or pin a thread fail where these are refused."""
_OWN = "prlimit64"
"""Taken only with 0 for the process: limits of another could end it."""

# By machine: the audit architecture, and the numbers of the calls. A call that it does not have is left out.
_NUMBERS: dict[str, tuple[int, str]] = {
    "x86_64": (
        0xC000003E,
        "shmget 29 shmat 30 socket 41 kill 62 semget 64 msgget 68 chmod 90 fchmod 91 chown 92 fchown 93 lchown 94 ptrace 101 "
        "setpgid 109 setsid 112 rt_sigqueueinfo 129 utime 132 setpriority 141 pivot_root 155 chroot 161 mount 165 umount2 166 "
        "setxattr 188 lsetxattr 189 fsetxattr 190 removexattr 197 lremovexattr 198 fremovexattr 199 tkill 200 "
        "sched_setaffinity 203 tgkill 234 utimes 235 add_key 248 request_key 249 keyctl 250 ioprio_set 251 fchownat 260 "
        "futimesat 261 fchmodat 268 unshare 272 utimensat 280 rt_tgsigqueueinfo 297 perf_event_open 298 prlimit64 302 "
        "open_by_handle_at 304 setns 308 process_vm_readv 310 process_vm_writev 311 kcmp 312 bpf 321 userfaultfd 323 "
        "pidfd_send_signal 424 io_uring_setup 425 pidfd_open 434 pidfd_getfd 438 process_madvise 440 fchmodat2 452 "
        "setxattrat 463 removexattrat 466 file_setattr 469",
    ),
    "aarch64": (
        0xC00000B7,
        "setxattr 5 lsetxattr 6 fsetxattr 7 removexattr 14 lremovexattr 15 fremovexattr 16 ioprio_set 30 umount2 39 mount 40 "
        "pivot_root 41 chroot 51 fchmod 52 fchmodat 53 fchownat 54 fchown 55 utimensat 88 unshare 97 ptrace 117 "
        "sched_setaffinity 122 kill 129 tkill 130 tgkill 131 rt_sigqueueinfo 138 setpriority 140 setpgid 154 setsid 157 "
        "msgget 186 semget 190 shmget 194 shmat 196 socket 198 add_key 217 request_key 218 keyctl 219 rt_tgsigqueueinfo 240 "
        "perf_event_open 241 prlimit64 261 open_by_handle_at 265 setns 268 process_vm_readv 270 process_vm_writev 271 kcmp 272 "
        "bpf 280 userfaultfd 282 pidfd_send_signal 424 io_uring_setup 425 pidfd_open 434 pidfd_getfd 438 process_madvise 440 "
        "fchmodat2 452 setxattrat 463 removexattrat 466 file_setattr 469",
    ),
}
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY, _FEIGN, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENT, _ARGUMENT_HIGH = 0, 4, 16, 20
"""Where these stand in what a filter is shown; the argument is the call's first, in two halves."""

SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system",
)
"""What any Python needs to read: libraries, the clock's zone, how many cores there are."""


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter)))


def enter(readable: Iterable[str], writable: str) -> list[str]:
    """Give up all but reading what lies under `readable` and `SYSTEM`, and the folder `writable`. It cannot be undone.

    Gives what could not be given up, in words; an empty list is a whole sandbox. Never raises.
    """
    if sys.platform != "linux":
        return [f"{platform.system()} has no sandbox that holdall can use"]
    library = ctypes.CDLL(None, use_errno=True)
    missing: list[str] = []
    steps: list[tuple[str, Callable[[], None]]] = [
        ("limits", _limits),
        ("a network namespace", lambda: _network(library)),
        ("no new privileges", lambda: _check(library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))),
        ("Landlock, which keeps files apart", lambda: _files(library, readable, writable)),
        ("seccomp, which keeps sockets away", lambda: _calls(library)),
    ]
    for name, step in steps:
        try:
            step()
        except (OSError, AttributeError, KeyError, ValueError) as error:
            missing.append(f"{name} ({error.strerror if isinstance(error, OSError) else error})")
    return missing


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _limits() -> None:
    import resource

    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_FSIZE, 1 << 32),
    ):
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (bound, bound))


def _network(library: ctypes.CDLL) -> None:
    """A network namespace of its own has no device that is up, not even the loopback one."""
    if os.geteuid() != 0:
        _check(library.unshare(_NEW_USER | _NEW_NETWORK))
        return
    try:
        _check(library.unshare(_NEW_USER | _NEW_NETWORK))
    except OSError:
        _check(library.unshare(_NEW_NETWORK))


def _files(library: ctypes.CDLL, readable: Iterable[str], writable: str) -> None:
    library.syscall.restype = ctypes.c_long
    version = library.syscall(_CREATE_RULESET, None, 0, _ABI)
    _check(version)
    handled = _FIRST
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL)):
        handled |= right if version >= since else 0
    attributes = struct.pack("<Q", handled)
    ruleset = library.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    _check(ruleset)
    try:
        # Of processes it sees itself alone.
        for path in {*SYSTEM, f"/proc/{os.getpid()}", *readable}:
            _allow(library, ruleset, path, handled & _READS)
        for device in ("/dev/null",):
            _allow(library, ruleset, device, handled & (_READS | _WRITE))
        _allow(library, ruleset, writable, handled)
        _check(library.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(library: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        given = rights if Path(path).is_dir() else rights & _OF_FILES
        rule = struct.pack("<Qi", given, place)
        _check(library.syscall(_ADD_RULE, ruleset, _BENEATH, rule, 0))
    finally:
        os.close(place)


def _calls(library: ctypes.CDLL) -> None:
    architecture, text = _NUMBERS[platform.machine()]
    words = text.split()
    numbers = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    # Another architecture's numbers would mean other calls: whoever uses them is stopped.
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if platform.machine() == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for names, answer in ((_DENIED, _DENY), (_FEIGNED, _FEIGN)):
        for name in " ".join(names).split():
            if name in numbers:
                lines += [(_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, answer)]
    lines += [(_EQUAL, 0, 5, numbers[_OWN])]
    lines += [(_LOAD, 0, 0, _ARGUMENT), (_EQUAL, 0, 2, 0), (_LOAD, 0, 0, _ARGUMENT_HIGH), (_EQUAL, 1, 0, 0)]
    lines += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    program = (_Filter * len(lines))(*(_Filter(*line) for line in lines))
    _check(library.prctl(_SECCOMP, _FILTER, ctypes.byref(_Program(len(lines), program)), 0, 0))
