"""Certificates of a test's own: roots, and what they sign, in files."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import trustme


class Identity(NamedTuple):
    """The files of a certificate and its key."""

    cert: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        """What Python's own servers want."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Authority:
    """A root, in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = trustme.CA()
        #: The file of the root.
        self.cafile = directory / "root.pem"
        self._root.cert_pem.write_to_path(self.cafile)

    def sign(self, name: str, *, stem: str | None = None, expired: bool = False) -> Identity:
        """A certificate for that name, in files of that stem."""
        stem = stem or name
        then = datetime(2020, 1, 1, tzinfo=timezone.utc) if expired else None
        before = datetime(2019, 1, 1, tzinfo=timezone.utc) if expired else None
        issued = self._root.issue_cert(name, not_before=before, not_after=then)
        identity = Identity(self._directory / f"{stem}.pem", self._directory / f"{stem}.key")
        identity.cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(identity.key)
        return identity
