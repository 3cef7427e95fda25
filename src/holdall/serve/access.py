"""Who may ask: the names under which the server answers, and the token.

A page that a browser shows from elsewhere must not reach a server on this machine by pointing a name of its own at it
(DNS rebinding). So only known names are answered, also on loopback. An address written in figures cannot be rebound.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from holdall.errors import UsageError

SHORTEST = 16
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_REMEMBERED = 256


class Access:
    """Whom the server answers. tokens: the bearer tokens that are let in; none: everybody."""

    def __init__(self, hosts: Sequence[str], tokens: Sequence[bytes] = ()) -> None:
        """hosts: names beside localhost; '*' is any."""
        self._any = "*" in hosts
        self._hosts = {host.lower() for host in (*LOOPBACK, *hosts)}
        self._tokens = tuple(tokens)
        self._seen: set[bytes] = set()

    def knows(self, host: bytes) -> bool:
        """Whether the Host header names this server."""
        if host in self._seen:
            return True
        known = self._any or self._is_known(host)
        if known and len(self._seen) < _REMEMBERED:
            self._seen.add(host)
        return known

    def _is_known(self, host: bytes) -> bool:
        name = host.decode("latin-1").strip().lower()
        if name.startswith("["):
            name, bracket, port = name[1:].partition("]")
            if not bracket or (port and not port.startswith(":")):
                return False
        else:
            name = name.partition(":")[0].removesuffix(".")
        return name in self._hosts or _is_address(name)

    @property
    def open(self) -> bool:
        """Whether no token is asked for."""
        return not self._tokens

    def admits(self, authorization: bytes) -> bool:
        """Whether the Authorization header holds one of the tokens. Takes as long whatever is wrong with it."""
        if not self._tokens:
            return True
        scheme, _, token = authorization.partition(b" ")
        given = token.strip()
        found = False
        for known in self._tokens:
            found |= hmac.compare_digest(known, given)
        return found and scheme.lower() == b"bearer"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def read_tokens(path: str) -> tuple[bytes, ...]:
    """The tokens of a file: one a line, so that a new one can be let in before the old one goes. Raises UsageError."""
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the tokens in {path}: {error.strerror}", hint="give --token-file FILE") from None
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens or min(map(len, tokens)) < SHORTEST:
        raise UsageError(
            f"{path} holds no token, or one of fewer than {SHORTEST} characters",
            hint='make one with: python -c "import secrets; print(secrets.token_urlsafe())"',
        )
    return tokens


def check_reach(host: str, *, token_file: str | None, no_auth: bool) -> None:
    """Raises UsageError for a server that the network could reach and that asks for no token without being told so."""
    if token_file is not None and no_auth:
        raise UsageError("--token-file and --no-auth exclude each other", hint="leave one of them out")
    if token_file is None and not no_auth and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and no token is asked for",
            hint="add --token-file FILE, or --no-auth where something in front asks for it",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ip_address(host).is_loopback
