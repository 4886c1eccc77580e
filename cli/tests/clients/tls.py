"""python-binary-memcached over TLS: `tls.py PORT ROOT [CERTIFICATE KEY]`. Prints each step that came out right."""

import socket
import ssl
import sys

import bmemcached

port, root, *identity = sys.argv[1:]
address = f"localhost:{port}"


def context(**settings):
    """Trusts the root, and shows the certificate if there is one."""
    made = ssl.create_default_context(**settings)
    if identity:
        made.load_cert_chain(*identity)
    return made


# This client takes a failed handshake for a server that is away, and a set to that for a success; so first without it.
with context(cafile=root).wrap_socket(socket.create_connection(("localhost", int(port))), server_hostname="localhost"):
    print("a handshake")

client = bmemcached.Client([address], tls_context=context(cafile=root))
value = "x" * 300_000
assert client.set("key", "value") and client.get("key") == "value"
print("set and get")
assert client.set("large", value, compress_level=0) and client.get("large") == value
print("a large value")
assert client.set_multi({f"k{i}": i for i in range(100)}) == []
assert client.get_multi([f"k{i}" for i in range(100)]) == {f"k{i}": i for i in range(100)}
print("many at once")

# With the roots of the system alone, nobody knows this server: the client says so, or gives nothing.
stranger = bmemcached.Client([address], tls_context=context())
try:
    assert not stranger.set("key", "other")
except ssl.SSLError:
    pass
assert client.get("key") == "value"
print("a stranger's certificate is refused")
