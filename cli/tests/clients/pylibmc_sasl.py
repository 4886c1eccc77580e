"""pylibmc 1.6 (libmemcached and libsasl2 inside) with SASL PLAIN: `pylibmc_sasl.py HOST:PORT USER PASSWORD`.

Prints each step that came out right.
"""

import glob
import os
import sys

# The wheel brings the library along, and not its mechanisms: those are the system's (libsasl2-modules).
for directory in glob.glob("/usr/lib*/*/sasl2") + glob.glob("/usr/lib*/sasl2"):
    if glob.glob(f"{directory}/libplain.so*"):
        os.environ.setdefault("SASL_PATH", directory)

import pylibmc  # noqa: E402  (it reads the environment)

address, user, password = sys.argv[1:]
assert pylibmc.support_sasl, "this pylibmc was built without SASL"


def client(**credentials):
    return pylibmc.Client([address], binary=True, **credentials)


def is_refused(what, visitor):
    """One line when the visitor can neither read nor write."""
    for call in (lambda: visitor.set("key", "changed"), lambda: visitor.get("key")):
        try:
            seen = call()
        except pylibmc.Error:
            continue
        sys.exit(f"{what}: expected an error, got {seen!r}")
    print(what)


known = client(username=user, password=password)
assert known.set("key", "value") and known.get("key") == "value"
assert known.set_multi({f"k{i}": i for i in range(100)}) == []
assert known.delete_multi([f"k{i}" for i in range(100)])
print("the right password")
is_refused("a wrong password", client(username=user, password=password + "x"))
is_refused("an unknown user", client(username="nobody", password=password))
is_refused("without a user", client())
assert known.get("key") == "value"
