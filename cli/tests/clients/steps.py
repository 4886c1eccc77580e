"""What the scripts share that run against two servers: they say each step and what came of it, one line each.

`ok STEP: RESULT` when the result is the wanted one, else `not ok STEP: …`, and they go on: a script is run against
memcached and against our server, and `tests/real_clients/outcomes.rs` lays both side by side.
"""

import importlib.metadata
import random
import sys
import time

LIMIT_SECONDS = 30

# Items that are to expire live three seconds: memcached's clock ticks once a second, and one second may be over at once.


def short(value):
    """A value in one line of fair length."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}… ({len(text)})"


def client(package):
    """Says whose steps these are; the first line."""
    print(f"client {package} {importlib.metadata.version(package)}", flush=True)


def address():
    """Host and port of the server."""
    host, port = sys.argv[1].rsplit(":", 1)
    return host, int(port)


def check(step, seen, wanted):
    """Equal is right."""
    if seen == wanted and type(seen) is type(wanted):
        print(f"ok {step}: {short(seen)}", flush=True)
    else:
        print(f"not ok {step}: {short(seen)} instead of {short(wanted)}", flush=True)


def refused(step, call, error):
    """The call has to raise that error; what it says belongs to the result."""
    try:
        seen = call()
    except error as raised:
        print(f"ok {step}: {type(raised).__name__} {line(raised)}", flush=True)
    except Exception as raised:
        print(f"not ok {step}: {type(raised).__name__} {line(raised)}", flush=True)
    else:
        print(f"not ok {step}: {short(seen)} instead of an error", flush=True)


def line(raised):
    """An error's text, in one line of fair length."""
    text = " ".join(str(raised).split())
    return text if len(text) <= 120 else f"{text[:110]}…"


def allowed(step, call, wanted):
    """A call that may raise where the server has no such thing; that is not the end of the script."""
    try:
        seen = call()
    except Exception as raised:
        print(f"not ok {step}: {type(raised).__name__} {line(raised)}", flush=True)
    else:
        check(step, seen, wanted)


def until(done):
    """Waits for what time brings."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)


def synchronously(loop, call):
    """A call of an asyncio client, as a plain one."""
    return lambda *arguments, **options: loop.run_until_complete(call(*arguments, **options))


def noise(length):
    """Bytes that do not compress, the same every time."""
    return random.Random(7).randbytes(length)
