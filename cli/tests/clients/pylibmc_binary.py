"""pylibmc 1.6 in binary mode (libmemcached 1.0.16 inside) against one server: `pylibmc_binary.py HOST:PORT [repeatable]`.

It prints what it checked, one line each. `repeatable` leaves out what is a race between two connections: a recording of
it cannot be played again.
"""

import sys
import time

import pylibmc


def check(what, seen, wanted):
    """One line when both are equal, the end of the program when not."""
    if seen != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {seen!r}")
    print(what)


def raises(what, error, call):
    """One line when the call raises that error."""
    try:
        seen = call()
    except error:
        print(what)
    else:
        sys.exit(f"{what}: expected {error.__name__}, got {seen!r}")


def items(client):
    check("get misses", client.get("pl:none"), None)
    check("set", client.set("pl:a", "one"), True)
    check("get", client.get("pl:a"), "one")
    check("add of a present key", client.add("pl:a", "two"), False)
    check("add of an absent key", client.add("pl:b", "two"), True)
    raises("replace of an absent key", pylibmc.NotFound, lambda: client.replace("pl:none", "three"))
    check("replace", client.replace("pl:b", "three"), True)
    check("append and prepend", (client.append("pl:b", ">"), client.prepend("pl:b", "<")), (True, True))
    check("get after append and prepend", client.get("pl:b"), "<three>")
    check("exists", ("pl:b" in client, "pl:none" in client), (True, False))
    check("delete", client.delete("pl:b"), True)
    check("delete again", client.delete("pl:b"), False)
    check("empty value", (client.set("pl:e", ""), client.get("pl:e")), (True, ""))


def values(client):
    for what, value in {
        "text beyond ASCII": "Grüße, мир, 世界 🔒",
        "every byte": bytes(range(256)),
        "a number": 42,
        "a structure": {"list": [1, 2.5, None], "text": "ä"},
        "300 kB": bytes((i * i >> 7) & 0xFF for i in range(300_000)),
    }.items():
        check(f"set of {what}", client.set("pl:v", value), True)
        check(f"get of {what}", client.get("pl:v"), value)
    raises("a value above the limit is refused", pylibmc.TooBig, lambda: client.set("pl:big", b"x" * 1_100_000))
    check("the connection survives that", client.get("pl:a"), "one")
    check("a key beyond ASCII", (client.set("pl:ключ", "ä"), client.get("pl:ключ")), (True, "ä"))


def many(client):
    wanted = {f"pl:many:{number}": f"wert-{number}-ä" for number in range(200)}
    check("set_multi", client.set_multi(wanted), [])
    check("get_multi", client.get_multi(list(wanted)), wanted)
    check("get_multi, last key absent", client.get_multi(["pl:many:0", "pl:no"]), {"pl:many:0": "wert-0-ä"})
    check("get_multi of nothing that is there", client.get_multi(["pl:no", "pl:nope"]), {})
    check("delete_multi", client.delete_multi(list(wanted)), True)
    check("get_multi after delete_multi", client.get_multi(list(wanted)), {})


def cas(client):
    client.set("pl:cas", "first")
    value, token = client.gets("pl:cas")
    check("gets", (value, token > 0), ("first", True))
    check("cas", client.cas("pl:cas", "second", token), True)
    check("cas again with the old token", client.cas("pl:cas", "third", token), False)
    check("get after cas", client.get("pl:cas"), "second")


def counters(client):
    client.delete("pl:n")
    raises("incr of an absent key", pylibmc.NotFound, lambda: client.incr("pl:n"))
    check("set of a number", client.set("pl:n", 10), True)
    check("incr", client.incr("pl:n", 5), 15)
    check("decr", client.decr("pl:n", 4), 11)
    check("decr stops at 0", client.decr("pl:n", 100), 0)


def expiry(client):
    check("touch of an absent key", client.touch("pl:none", 10), False)
    client.set("pl:t", "kept", time=1)
    client.set("pl:u", "lost", time=1)
    check("touch", client.touch("pl:t", 1000), True)
    deadline = time.monotonic() + 30
    while client.get("pl:u") is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    check("the untouched item expires", client.get("pl:u"), None)
    check("the touched one stays", client.get("pl:t"), "kept")


def quiet(address):
    client = pylibmc.Client([address], binary=True, behaviors={"no_block": True, "_noreply": True})
    for number in range(100):
        client.set(f"pl:q:{number}", number)
    client.disconnect_all()
    client = pylibmc.Client([address], binary=True)
    wanted = {f"pl:q:{number}": number for number in range(100)}
    deadline = time.monotonic() + 30
    while client.get_multi(list(wanted)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    check("sets without a reply", client.get_multi(list(wanted)), wanted)


def main():
    address = sys.argv[1]
    client = pylibmc.Client([address], binary=True, behaviors={"cas": True, "tcp_nodelay": True})
    for part in (items, values, many, cas, counters, expiry):
        part(client)
    if sys.argv[2:] != ["repeatable"]:
        quiet(address)
    stats = dict(client.get_stats()[0][1])
    names = {name.decode() if isinstance(name, bytes) else name for name in stats}
    check("stats", {"pid", "uptime", "version", "curr_items", "cmd_get"} <= names, True)
    check("flush_all", (client.flush_all(), client.get("pl:a")), (True, None))


main()
