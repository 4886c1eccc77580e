"""memcached-tool, the script that comes with memcached, against one server: `memcached_tool.py HOST:PORT`.

It reads groups of statistics over text, and walks items by `lru_crawler metadump`.
"""

import subprocess
import sys

from steps import check

SCRIPT = "/usr/share/memcached/scripts/memcached-tool"
SERVER = sys.argv[1]

# Far more than it needs.
HANGS_SECONDS = 10


def tool(*arguments):
    """The exit code and the output. It waits for an `END` even behind an error line: that is -1, and what it said so far."""
    try:
        done = subprocess.run([SCRIPT, SERVER, *arguments], capture_output=True, text=True, timeout=HANGS_SECONDS)
    except FileNotFoundError:
        sys.exit(f"{SCRIPT} is missing: run ci/setup")
    except subprocess.TimeoutExpired as late:
        return -1, (late.stdout or b"").decode()
    return done.returncode, done.stdout


def first_words(said):
    return {line.split()[0] for line in said.splitlines() if line.split()}


def main():
    print("client memcached-tool")
    subprocess.run(["memccp", "--servers", SERVER, __file__], check=True)
    code, said = tool("stats")
    check("stats", (code, {"pid", "uptime", "curr_items", "cmd_set", "limit_maxbytes"} - first_words(said)), (0, set()))
    code, said = tool("settings")
    check("settings", (code, {"maxbytes", "maxconns", "item_size_max"} - first_words(said)), (0, set()))
    code, said = tool("display")
    lines = [line.split() for line in said.splitlines()]
    check("display", (code, lines[0][:6]), (0, ["#", "Item_Size", "Max_age", "Pages", "Count", "Full?"]))
    check("display has the item", [line[4] for line in lines[1:]], ["1"])
    code, said = tool("sizes")
    check("sizes", (code, "ERROR" in said), (0, False))
    code, said = tool("dump")
    check("dump", (code, "memcached_tool.py" in said), (0, True))
    code, said = tool("keys")
    check("keys", (code, "memcached_tool.py" in said), (0, True))


main()
