"""python-memcached 1.62 against one server, in memcached's text protocol: `python_memcached_text.py HOST:PORT`."""

import memcache
from steps import check, client, noise, until
import sys


def items(cache):
    check("get of nothing", cache.get("m:none"), None)
    check("set", cache.set("m:a", "one"), True)
    check("get", cache.get("m:a"), "one")
    check("add of a present key", cache.add("m:a", "two"), False)
    check("add of an absent key", cache.add("m:b", "two"), True)
    check("replace of an absent key", cache.replace("m:none", "x"), False)
    check("replace", cache.replace("m:b", "three"), True)
    check("append and prepend", (cache.append("m:b", ">"), cache.prepend("m:b", "<")), (True, True))
    check("get of all that", cache.get("m:b"), "<three>")
    # It takes "no such key" for a success too.
    check("delete", (cache.delete("m:b"), cache.get("m:b")), (1, None))
    check("empty value", (cache.set("m:e", ""), cache.get("m:e")), (True, ""))


def values(cache):
    for step, value in {"text beyond ASCII": "Grüße 🔒", "bytes": bytes(range(256)), "a number": 42, "a list": [1, 2.5, None]}.items():
        check(step, (cache.set("m:v", value), cache.get("m:v")), (True, value))
    check("compressed", (cache.set("m:z", "z" * 100_000, min_compress_len=100), cache.get("m:z") == "z" * 100_000), (True, True))
    large = noise(1_000_000)
    check("a million bytes", (cache.set("m:large", large), cache.get("m:large") == large), (True, True))
    check("too many bytes", (cache.set("m:large", noise(1_100_000)), cache.get("m:large")), (0, None))
    check("a key beyond ASCII", (cache.set("ключ", "v"), cache.get("ключ")), (True, "v"))


def many(cache):
    wanted = {f"m:many:{number}": number for number in range(200)}
    check("set_multi", cache.set_multi(wanted), [])
    check("get_multi", cache.get_multi(list(wanted)) == wanted, True)
    check("get_multi of nothing", cache.get_multi(["m:no", "m:nope"]), {})
    check("delete_multi", cache.delete_multi(list(wanted)), 1)
    check("get_multi after that", cache.get_multi(list(wanted)), {})


def cas(cache, other):
    cache.set("m:cas", "first")
    check("gets", cache.gets("m:cas"), "first")
    check("cas", cache.cas("m:cas", "second"), True)
    cache.gets("m:cas")
    other.set("m:cas", "from another")
    check("cas after another's set", cache.cas("m:cas", "third"), False)
    check("get after cas", cache.get("m:cas"), "from another")


def counters(cache):
    check("incr of an absent key", cache.incr("m:none"), None)
    cache.set("m:n", 10)
    check("incr and decr", (cache.incr("m:n", 5), cache.decr("m:n", 4)), (15, 11))
    check("decr stops at 0", cache.decr("m:n", 100), 0)


def expiry(cache):
    check("touch of an absent key", cache.touch("m:none", 10), 0)
    cache.set("m:kept", "v", time=3)
    cache.set("m:lost", "v", time=3)
    check("touch", cache.touch("m:kept", 1000), 1)
    until(lambda: cache.get("m:lost") is None)
    check("only the untouched is lost", cache.get_multi(["m:kept", "m:lost"]), {"m:kept": "v"})


def quiet(cache):
    for number in range(100):
        cache.set("m:q", number, noreply=True)
    cache.incr("m:q", 1, noreply=True)
    cache.touch("m:q", 1000, noreply=True)
    check("without a reply", cache.get("m:q"), 100)
    cache.delete("m:q", noreply=True)
    check("delete without a reply", cache.get("m:q"), None)


def server(cache):
    [(_, stats)] = cache.get_stats()
    check("get_stats", {"pid", "uptime", "version", "curr_items", "cmd_get"} - set(stats), set())
    # Its get_slabs takes bytes for text, and fails whatever the server says.
    [(_, slabs)] = cache.get_slab_stats()
    check("get_slab_stats", bool(slabs), True)
    check("flush_all", (cache.flush_all(), cache.get("m:a")), (None, None))
    cache.disconnect_all()


def main():
    client("python-memcached")
    options = {"socket_timeout": 30, "server_max_value_length": 2**30}
    cache, other = memcache.Client(sys.argv[1:2], cache_cas=True, **options), memcache.Client(sys.argv[1:2], **options)
    for part in (items, values, many, counters, expiry, quiet):
        part(cache)
    cas(cache, other)
    server(cache)


main()
