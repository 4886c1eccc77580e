"""aiomcache 0.8 against one server, in memcached's text protocol: `aiomcache_text.py HOST:PORT`. All that it offers."""

import asyncio

import aiomcache
from aiomcache.exceptions import ClientException, ValidationException
from steps import address, check, client, noise, refused, synchronously, until


class Plain:
    """The client with calls that wait."""

    def __init__(self, loop, cache):
        self._loop, self._cache = loop, cache

    def __getattr__(self, name):
        return synchronously(self._loop, getattr(self._cache, name))


def items(cache):
    check("get of nothing", cache.get(b"a:none", b"other"), b"other")
    check("set", cache.set(b"a:a", b"one"), True)
    check("get", cache.get(b"a:a"), b"one")
    check("add of a present key", cache.add(b"a:a", b"two"), False)
    check("add of an absent key", cache.add(b"a:b", b"two"), True)
    check("replace of an absent key", cache.replace(b"a:none", b"x"), False)
    check("replace", cache.replace(b"a:b", b"three"), True)
    check("append and prepend", (cache.append(b"a:b", b">"), cache.prepend(b"a:b", b"<")), (True, True))
    check("append to nothing", cache.append(b"a:none", b">"), False)
    check("get of all that", cache.get(b"a:b"), b"<three>")
    check("delete", cache.delete(b"a:b"), True)
    check("delete again", cache.delete(b"a:b"), False)
    check("empty value", (cache.set(b"a:e", b""), cache.get(b"a:e")), (True, b""))


def values(cache):
    check("every byte", (cache.set(b"a:v", bytes(range(256))), cache.get(b"a:v")), (True, bytes(range(256))))
    large = noise(1_000_000)
    check("a million bytes", (cache.set(b"a:large", large), cache.get(b"a:large") == large), (True, True))
    refused("too many bytes", lambda: cache.set(b"a:large", noise(1_100_000)), ClientException)
    key = "ключ".encode()
    check("a key beyond ASCII", (cache.set(key, b"v"), cache.get(key)), (True, b"v"))
    refused("a key with a space", lambda: cache.get(b"a b"), ValidationException)
    check("a key of 250 bytes", (cache.set(b"k" * 250, b"v"), cache.get(b"k" * 250)), (True, b"v"))


def many(cache):
    keys = [b"a:many:%d" % number for number in range(200)]
    for key in keys:
        cache.set(key, key)
    check("multi_get", cache.multi_get(*keys) == tuple(keys), True)
    check("multi_get, some absent", cache.multi_get(b"a:no", keys[0], b"a:nope"), (None, keys[0], None))
    check("multi_get of nothing", cache.multi_get(b"a:no", b"a:nope"), (None, None))


def cas(cache):
    cache.set(b"a:cas", b"first")
    value, token = cache.gets(b"a:cas")
    check("gets", value, b"first")
    check("gets of nothing", cache.gets(b"a:none"), (None, None))
    check("cas", cache.cas(b"a:cas", b"second", token), True)
    check("cas with the old token", cache.cas(b"a:cas", b"third", token), False)
    check("get after cas", cache.get(b"a:cas"), b"second")


def counters(cache):
    refused("incr of an absent key", lambda: cache.incr(b"a:none"), ClientException)
    cache.set(b"a:n", b"10")
    check("incr and decr", (cache.incr(b"a:n", 5), cache.decr(b"a:n", 4)), (15, 11))
    check("decr stops at 0", cache.decr(b"a:n", 100), 0)
    check("incr wraps", (cache.incr(b"a:n", 2**64 - 1), cache.incr(b"a:n", 3)), (2**64 - 1, 2))
    cache.set(b"a:n", b"text")
    refused("incr of text", lambda: cache.incr(b"a:n"), ClientException)


def expiry(cache):
    check("touch of an absent key", cache.touch(b"a:none", 10), False)
    cache.set(b"a:kept", b"v", exptime=3)
    cache.set(b"a:lost", b"v", exptime=3)
    check("touch", cache.touch(b"a:kept", 1000), True)
    until(lambda: cache.get(b"a:lost") is None)
    check("only the untouched is lost", cache.multi_get(b"a:kept", b"a:lost"), (b"v", None))


def server(cache):
    check("stats", {b"pid", b"uptime", b"version", b"curr_items", b"cmd_get"} - set(cache.stats()), set())
    check("version", bool(cache.version()), True)
    check("flush_all", (cache.flush_all(), cache.get(b"a:a")), (None, None))


async def text(value):
    return value.encode(), 7


async def from_text(value, flags):
    return f"{value.decode()} with {flags}"


async def at_once(cache):
    """More callers than connections."""
    await asyncio.gather(*(cache.set(b"a:at:%d" % number, b"%d" % number) for number in range(100)))
    return await asyncio.gather(*(cache.get(b"a:at:%d" % number) for number in range(100)))


def main():
    client("aiomcache")
    loop = asyncio.new_event_loop()
    host, port = address()
    direct = aiomcache.Client(host, port, pool_size=4)
    cache = Plain(loop, direct)
    for part in (items, values, many, cas, counters, expiry):
        part(cache)
    check("a hundred callers", loop.run_until_complete(at_once(direct)) == [b"%d" % number for number in range(100)], True)
    flagged = Plain(loop, aiomcache.FlagClient(host, port, get_flag_handler=from_text, set_flag_handler=text))
    check("flags", (flagged.set(b"a:f", "text"), flagged.get(b"a:f")), (True, "text with 7"))
    flagged.close()
    server(cache)
    cache.close()
    loop.close()


main()
