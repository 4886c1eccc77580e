"""python-binary-memcached 0.33 against one server: `python_binary_memcached.py HOST:PORT`.

It prints what it checked, one line each. It has no touch, and sends opaque 0 nearly everywhere.
"""

import sys

import bmemcached


def check(what, seen, wanted):
    """One line when both are equal, the end of the program when not."""
    if seen != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {seen!r}")
    print(what)


def items(client):
    check("get misses", client.get("bm:none"), None)
    check("set", client.set("bm:a", "one"), True)
    check("get", client.get("bm:a"), "one")
    check("add of a present key", client.add("bm:a", "two"), False)
    check("add of an absent key", client.add("bm:b", "two"), True)
    check("replace of an absent key", client.replace("bm:none", "three"), False)
    check("replace", client.replace("bm:b", "three"), True)
    check("get after replace", client.get("bm:b"), "three")
    check("delete", client.delete("bm:b"), True)
    check("get after delete", client.get("bm:b"), None)
    check("empty value", (client.set("bm:e", ""), client.get("bm:e")), (True, ""))


def values(client):
    for what, value in {
        "text beyond ASCII": "Grüße, мир, 世界 🔒",
        "every byte": bytes(range(256)),
        "a number": 42,
        "a structure": {"list": [1, 2.5, None], "text": "ä"},
        "300 kB that do not compress": bytes((i * i >> 7) & 0xFF for i in range(300_000)),
    }.items():
        check(f"set of {what}", client.set("bm:v", value, compress_level=0), True)
        check(f"get of {what}", client.get("bm:v"), value)
    check("compressed set", client.set("bm:z", "z" * 100_000, compress_level=9), True)
    check("compressed get", client.get("bm:z"), "z" * 100_000)


def many(client):
    wanted = {f"bm:many:{number}": f"wert-{number}-ä" for number in range(200)}
    check("set_multi", client.set_multi(wanted), [])
    check("get_multi", client.get_multi(list(wanted)), wanted)
    check("get_multi, last key absent", client.get_multi(["bm:many:0", "bm:no"]), {"bm:many:0": "wert-0-ä"})
    check("get_multi, first key absent", client.get_multi(["bm:no", "bm:many:0"]), {"bm:many:0": "wert-0-ä"})
    check("get_multi of nothing that is there", client.get_multi(["bm:no", "bm:nope"]), {})
    check("delete_multi", client.delete_multi(list(wanted)), True)
    check("get_multi after delete_multi", client.get_multi(list(wanted)), {})


def cas(client):
    client.set("bm:cas", "first")
    value, token = client.gets("bm:cas")
    check("gets", (value, token > 0), ("first", True))
    check("cas", client.cas("bm:cas", "second", token), True)
    check("cas again with the old token", client.cas("bm:cas", "third", token), False)
    check("get after cas", client.get("bm:cas"), "second")
    check("delete with the old token", client.delete("bm:cas", cas=token), False)
    found = client.get_multi(["bm:cas"], get_cas=True)["bm:cas"]
    check("get_multi with CAS", (found[0], found[1] != token), ("second", True))
    check("delete with the new token", client.delete("bm:cas", cas=found[1]), True)


def counters(client):
    check("incr creates", client.incr("bm:n", 5, default=10), 10)
    check("incr", client.incr("bm:n", 5), 15)
    check("decr", client.decr("bm:n", 4), 11)
    check("decr stops at 0", client.decr("bm:n", 100), 0)
    check("incr wraps", (client.incr("bm:n", 2**64 - 1), client.incr("bm:n", 3)), (2**64 - 1, 2))


def statistics(client, address):
    names = {name.decode() if isinstance(name, bytes) else name for name in client.stats()[address]}
    check("stats", {"pid", "uptime", "version", "curr_items", "cmd_get"} <= names, True)


def main():
    address = sys.argv[1]
    client = bmemcached.Client((address,), socket_timeout=30)
    for part in (items, values, many, cas, counters):
        part(client)
    statistics(client, address)
    check("flush_all", (client.flush_all(), client.get("bm:a")), (True, None))
    client.disconnect_all()


main()
