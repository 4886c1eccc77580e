"""TLS for asyncio, which has OpenSSL's: the same files and the same rules as the blocking clients, and what went wrong in words."""

from __future__ import annotations

import ssl

from .._tls import TLS, native, settled

#: By OpenSSL's number of what is wrong with a certificate.
_CERTIFICATES = {
    9: "perhaps the clock of this machine is wrong",
    10: "it must be renewed, or the clock of this machine is wrong",
    18: "name the file of its root (cafile)",
    19: "name the file of its root (cafile)",
    20: "name the file of its root (cafile)",
    21: "name the file of its root (cafile)",
    62: "connect by a name that it has, or say which one is meant (server_name)",
    64: "connect by a name that it has, or say which one is meant (server_name)",
}

#: By a part of OpenSSL's reason.
_REASONS = {
    "CERTIFICATE_REQUIRED": "the server wants a certificate of its clients; name its file and its key's (cert, key)",
    "WRONG_VERSION_NUMBER": "what the server says is no TLS; perhaps it speaks none there",
    "RECORD_LAYER_FAILURE": "what the server says is no TLS; perhaps it speaks none there",
    "UNEXPECTED_EOF": "the server ended the connection in the TLS handshake; perhaps it speaks no TLS there",
}


def context(tls: TLS | bool) -> ssl.SSLContext | None:
    """What asyncio wants."""
    wanted = settled(tls)
    if wanted is None:
        return None
    # The native part reads the files as well, so that they are right or wrong for both kinds of client.
    native(wanted)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # Whatever is in the file of roots is trusted.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if wanted.cafile is None:
        made.load_default_certs()
    else:
        made.load_verify_locations(wanted.cafile)
    if wanted.cert is not None:
        made.load_cert_chain(wanted.cert, wanted.key)
    return made


def explained(error: Exception) -> str:
    """What went wrong, and what can be done about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _CERTIFICATES.get(error.verify_code)
        said = f"the server's certificate is not accepted: {error.verify_message}"
        return said if hint is None else f"{said}; {hint}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return next((words for part, words in _REASONS.items() if part in reason), str(error))
    return str(error)
