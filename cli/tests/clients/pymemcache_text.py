"""pymemcache 4.0 against one server, in memcached's text protocol: `pymemcache_text.py HOST:PORT`.

What its own integration tests, which are run too, do not come to: noreply, large values, keys beyond ASCII, expiry, lines as they are.
"""

import pymemcache
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError, MemcacheServerError, MemcacheUnknownCommandError
from steps import address, allowed, check, client, noise, refused, until


def items(cache):
    check("get of nothing", cache.get("p:none", "other"), "other")
    check("set", cache.set("p:a", b"one", noreply=False), True)
    check("get", cache.get("p:a"), b"one")
    check("add of a present key", cache.add("p:a", b"two", noreply=False), False)
    check("add of an absent key", cache.add("p:b", b"two", noreply=False), True)
    check("replace of an absent key", cache.replace("p:none", b"x", noreply=False), False)
    check("replace", cache.replace("p:b", b"three", noreply=False), True)
    check("append", cache.append("p:b", b">", noreply=False), True)
    check("prepend", cache.prepend("p:b", b"<", noreply=False), True)
    check("append to nothing", cache.append("p:none", b">", noreply=False), False)
    check("get of all that", cache.get("p:b"), b"<three>")
    check("delete", cache.delete("p:b", noreply=False), True)
    check("delete again", cache.delete("p:b", noreply=False), False)
    check("empty value", (cache.set("p:e", b"", noreply=False), cache.get("p:e")), (True, b""))


def values(cache):
    check("set of every byte", cache.set("p:v", bytes(range(256)), noreply=False), True)
    check("get of every byte", cache.get("p:v"), bytes(range(256)))
    check("set of lines", cache.set("p:v", b"VALUE p:v 0 1\r\nx\r\nEND\r\n", noreply=False), True)
    check("get of lines", cache.get("p:v"), b"VALUE p:v 0 1\r\nx\r\nEND\r\n")
    large = noise(1_000_000)
    check("set of a million bytes", cache.set("p:large", large, noreply=False), True)
    check("get of a million bytes", cache.get("p:large") == large, True)
    refused("set of too many bytes", lambda: cache.set("p:large", noise(1_100_000), noreply=False), MemcacheServerError)
    check("a refused set leaves nothing", cache.get("p:large"), None)
    check("key of 250 bytes", (cache.set("k" * 250, b"v", noreply=False), cache.get("k" * 250)), (True, b"v"))
    refused("key of 251 bytes", lambda: cache.get("k" * 251), MemcacheIllegalInputError)
    check("flags", cache.raw_command("set p:f 4294967295 0 1\r\nv"), b"STORED")
    check("flags come back", cache.raw_command("get p:f", b"END\r\n"), b"VALUE p:f 4294967295 1\r\nv\r\n")


def keys(cache):
    check("set of a key beyond ASCII", cache.set("ключ-🔒", b"v", noreply=False), True)
    check("get of a key beyond ASCII", cache.get("ключ-🔒"), b"v")
    check("get_many of them", cache.get_many(["ключ-🔒", "нет"]), {"ключ-🔒": b"v"})


def many(cache):
    wanted = {f"p:many:{number}": b"%d" % number for number in range(200)}
    check("set_many", cache.set_many(wanted, noreply=False), [])
    check("get_many", cache.get_many(list(wanted)) == wanted, True)
    check("get_many of nothing", cache.get_many(["p:no", "p:nope"]), {})
    tokens = cache.gets_many(list(wanted))
    check("gets_many", ({key: value for key, (value, _) in tokens.items()} == wanted, len({token for _, token in tokens.values()})), (True, 200))
    check("delete_many", cache.delete_many(list(wanted), noreply=False), True)
    check("get_many after that", cache.get_many(list(wanted)), {})


def cas(cache):
    cache.set("p:cas", b"first", noreply=False)
    value, token = cache.gets("p:cas")
    check("gets", value, b"first")
    check("cas", cache.cas("p:cas", b"second", token, noreply=False), True)
    check("cas with the old token", cache.cas("p:cas", b"third", token, noreply=False), False)
    check("cas of an absent key", cache.cas("p:none", b"x", token, noreply=False), None)
    check("get after cas", cache.get("p:cas"), b"second")


def counters(cache):
    check("incr of an absent key", cache.incr("p:none", 1), None)
    cache.set("p:n", b"10", noreply=False)
    check("incr", cache.incr("p:n", 5), 15)
    check("decr", cache.decr("p:n", 4), 11)
    check("decr stops at 0", cache.decr("p:n", 100), 0)
    check("decr keeps the length", cache.get("p:n"), b"0 ")
    check("incr wraps", (cache.incr("p:n", 2**64 - 1), cache.incr("p:n", 3)), (2**64 - 1, 2))
    cache.set("p:n", b"text", noreply=False)
    refused("incr of text", lambda: cache.incr("p:n", 1), MemcacheClientError)


def expiry(cache):
    check("touch of an absent key", cache.touch("p:none", 10, noreply=False), False)
    cache.set("p:kept", b"v", expire=3, noreply=False)
    cache.set("p:lost", b"v", expire=3, noreply=False)
    cache.set("p:got", b"v", expire=3, noreply=False)
    check("touch", cache.touch("p:kept", 1000, noreply=False), True)
    check("gat", cache.raw_command("gat 1000 p:got", b"END\r\n"), b"VALUE p:got 0 1\r\nv\r\n")
    check("gats of nothing", cache.raw_command("gats 1000 p:none", b"END\r\n"), b"")
    check("set that is over already", cache.set("p:over", b"v", expire=-1, noreply=False), True)
    check("get of what is over", cache.get("p:over"), None)
    until(lambda: cache.get("p:lost") is None)
    check("only the untouched is lost", cache.get_many(["p:kept", "p:lost", "p:got"]), {"p:kept": b"v", "p:got": b"v"})


def quiet(cache):
    """Without replies: what follows tells what came of it, and that no reply is left over."""
    for number in range(100):
        cache.set("p:q", b"%d" % number, noreply=True)
    check("sets without a reply", cache.get("p:q"), b"99")
    cache.add("p:q", b"x", noreply=True)
    cache.replace("p:none", b"x", noreply=True)
    cache.append("p:q", b"0", noreply=True)
    cache.incr("p:q", 1, noreply=True)
    cache.decr("p:none", 1, noreply=True)
    check("one of each without a reply", cache.get("p:q"), b"991")
    cache.touch("p:q", 1000, noreply=True)
    cache.delete("p:q", noreply=True)
    check("delete without a reply", cache.get("p:q"), None)


def server(cache):
    names = {b"pid", b"uptime", b"time", b"version", b"curr_items", b"cmd_get", b"get_hits", b"limit_maxbytes", b"threads"}
    check("stats", names - set(cache.stats()), set())
    check("stats settings", b"maxbytes" in cache.stats("settings"), True)
    allowed("stats items", lambda: bool(cache.stats("items")), True)
    check("version", bool(cache.version()), True)
    check("verbosity", cache.raw_command("verbosity 1"), b"OK")
    refused("an unknown command", lambda: cache.raw_command("hello"), MemcacheUnknownCommandError)
    allowed("cache_memlimit", lambda: cache.cache_memlimit(64), True)
    check("flush_all", (cache.flush_all(noreply=False), cache.get("p:a")), (True, None))
    cache.quit()


def main():
    client("pymemcache")
    cache = Client(address(), timeout=30)
    pooled = PooledClient(address(), timeout=30)
    for part in (items, values, many, cas, counters, expiry, quiet):
        part(cache)
    keys(Client(address(), timeout=30, allow_unicode_keys=True))
    check("a pool of connections", (pooled.set("p:pool", b"v", noreply=False), pooled.get("p:pool")), (True, b"v"))
    ring = pymemcache.HashClient([address()], timeout=30)
    check("a ring of one server", (ring.set("p:ring", b"v", noreply=False), ring.get("p:ring")), (True, b"v"))
    server(cache)


main()
