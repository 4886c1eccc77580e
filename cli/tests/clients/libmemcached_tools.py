"""libmemcached's tools against one server, in memcached's text protocol: `libmemcached_tools.py HOST:PORT`.

They speak text unless `--binary` is said. A step is a call of a tool: its exit code, and what it printed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from steps import check, until

SERVER = sys.argv[1]


def tool(name, *arguments, where="."):
    """The exit code and the output; a tool that is not there is no step that failed."""
    try:
        done = subprocess.run([name, "--servers", SERVER, *arguments], cwd=where, capture_output=True, timeout=60)
    except FileNotFoundError:
        sys.exit(f"{name} is missing: run ci/setup")
    return done.returncode, done.stdout


def code(name, *arguments, where="."):
    return tool(name, *arguments, where=where)[0]


def files(directory):
    contents = {"plain": b"plain", "bytes": bytes(range(256)), "grüße": "Grüße, мир 🔒".encode(), "empty": b"", "large": b"0123456789" * 100_000}
    for name, content in contents.items():
        (directory / name).write_bytes(content)
        check(f"memccp {name}", code("memccp", name, where=directory), 0)
        check(f"memccat {name}", tool("memccat", name) == (0, content + b"\n"), True)
    (directory / "huge").write_bytes(b"x" * 1_100_000)
    check("memccp of too many bytes", code("memccp", "huge", where=directory) != 0, True)
    check("memccp --add of what is there", code("memccp", "--add", "plain", where=directory), 1)
    check("memccp --replace of what is there", code("memccp", "--replace", "plain", where=directory), 0)
    check("memccp --set with flags", code("memccp", "--set", "--flag", "7", "plain", where=directory), 0)
    check("memccat --flags", tool("memccat", "--flags", "plain"), (0, b"7\nplain\n"))
    check("memccat of several", tool("memccat", "plain", "grüße"), (0, b"plain\n" + contents["grüße"] + b"\n"))
    check("memccat --file", (code("memccat", "--file", "copy", "bytes", where=directory), (directory / "copy").read_bytes()), (0, contents["bytes"]))


def keys(directory):
    check("memcexist", (code("memcexist", "plain"), code("memcexist", "none")), (0, 1))
    check("memctouch", (code("memctouch", "--expire", "1000", "plain"), code("memctouch", "--expire", "1000", "none")), (0, 1))
    check("memcrm", (code("memcrm", "plain"), code("memcrm", "plain"), code("memccat", "plain")), (0, 1, 1))
    (directory / "short").write_bytes(b"v")
    check("memccp --expire", code("memccp", "--expire", "1", "short", where=directory), 0)
    until(lambda: code("memcexist", "short") == 1)
    check("what has expired", code("memccat", "short"), 1)


def server():
    exit_code, said = tool("memcstat")
    names = {line.split(b":")[0].strip() for line in said.splitlines()}
    check("memcstat", (exit_code, {b"pid", b"uptime", b"version", b"curr_items", b"cmd_get", b"threads"} - names), (0, set()))
    check("memcstat --args settings", b"maxbytes" in tool("memcstat", "--args", "settings")[1], True)
    check("memcstat --server-version", code("memcstat", "--server-version"), 0)
    check("memcping", code("memcping"), 0)
    for test in ("set", "get", "mget"):
        said = tool("memcslap", "--test", test, "--execute-number", "500", "--concurrency", "2")
        check(f"memcslap --test {test}", (said[0], b"Time to " in said[1]), (0, True))
    check("memcflush", (code("memcflush"), code("memccat", "bytes")), (0, 1))


def dump(directory):
    """It walks through `stats cachedump`; what was flushed is there for a while, so this comes first."""
    check("memcdump of nothing", tool("memcdump"), (0, b""))
    for name in ("one", "two"):
        (directory / name).write_bytes(b"v")
        code("memccp", name, where=directory)
    # memcached lists what its tidying thread has come by, so it may be one of them, both or none.
    exit_code, said = tool("memcdump")
    check("memcdump", (exit_code, set(said.split()) <= {b"one", b"two"}), (0, True))


def capable():
    """The text half of memccapable, a test a line."""
    host, port = SERVER.rsplit(":", 1)
    done = subprocess.run(["memccapable", "-a", "-h", host, "-p", port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    for name, outcome in re.findall(r"^(ascii .+?) +\[(pass|FAIL)\]", done.stdout, re.MULTILINE):
        check(f"memccapable {name}", outcome, "pass")


def main():
    print("client", *subprocess.run(["memccat", "--version"], capture_output=True, text=True, check=True).stdout.split("(")[1].rstrip(")\n").replace(" v", " ").split())
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        dump(directory)
        files(directory)
        keys(directory)
        server()
    capable()


main()
