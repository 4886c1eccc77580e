"""emcache 1.3 against one server, in memcached's text protocol: `emcache_text.py HOST:PORT`. All that it offers."""

import asyncio

import emcache
from emcache import MemcachedHostAddress, NotFoundCommandError, NotStoredStorageCommandError, StorageCommandError
from steps import address, allowed, check, client, noise, refused, synchronously, until


class Plain:
    """The client with calls that wait, and items as tuples."""

    def __init__(self, loop, cache):
        self._loop, self._cache = loop, cache

    def __getattr__(self, name):
        call = synchronously(self._loop, getattr(self._cache, name))
        return lambda *arguments, **options: plain(call(*arguments, **options))


def plain(answer):
    if isinstance(answer, emcache.Item):
        return answer.value if answer.flags is None else (answer.value, answer.flags)
    return {key: plain(item) for key, item in answer.items()} if isinstance(answer, dict) else answer


def items(cache):
    check("get of nothing", cache.get(b"e:none"), None)
    check("set", cache.set(b"e:a", b"one", flags=5), None)
    check("get", cache.get(b"e:a"), b"one")
    check("get with flags", cache.get(b"e:a", return_flags=True), (b"one", 5))
    refused("add of a present key", lambda: cache.add(b"e:a", b"two"), NotStoredStorageCommandError)
    check("add of an absent key", cache.add(b"e:b", b"two"), None)
    refused("replace of an absent key", lambda: cache.replace(b"e:none", b"x"), NotStoredStorageCommandError)
    check("replace", cache.replace(b"e:b", b"three"), None)
    check("append and prepend", (cache.append(b"e:b", b">"), cache.prepend(b"e:b", b"<")), (None, None))
    refused("append to nothing", lambda: cache.append(b"e:none", b">"), NotStoredStorageCommandError)
    check("get of all that", cache.get(b"e:b"), b"<three>")
    check("delete", cache.delete(b"e:b"), None)
    refused("delete again", lambda: cache.delete(b"e:b"), NotFoundCommandError)
    check("empty value", (cache.set(b"e:e", b""), cache.get(b"e:e")), (None, b""))


def values(cache):
    check("every byte", (cache.set(b"e:v", bytes(range(256))), cache.get(b"e:v")), (None, bytes(range(256))))
    large = noise(1_000_000)
    check("a million bytes", (cache.set(b"e:large", large), cache.get(b"e:large") == large), (None, True))
    refused("too many bytes", lambda: cache.set(b"e:large", noise(1_100_000)), StorageCommandError)
    key = "ключ".encode()
    check("a key beyond ASCII", (cache.set(key, b"v"), cache.get(key)), (None, b"v"))
    check("a key of 250 bytes", (cache.set(b"k" * 250, b"v"), cache.get(b"k" * 250)), (None, b"v"))


def many(cache):
    keys = [b"e:many:%d" % number for number in range(200)]
    for key in keys:
        cache.set(key, key, flags=1)
    check("get_many", cache.get_many(keys) == {key: key for key in keys}, True)
    check("get_many with flags", cache.get_many([keys[0], b"e:no"], return_flags=True), {keys[0]: (keys[0], 1)})
    check("gets_many", cache.gets_many(keys) == {key: key for key in keys}, True)
    check("get_many of nothing", cache.get_many([b"e:no", b"e:nope"]), {})
    check("gat_many", cache.gat_many(1000, keys) == {key: key for key in keys}, True)
    check("gats_many", cache.gats_many(1000, [keys[0], b"e:no"]), {keys[0]: keys[0]})


def cas(loop, direct, cache):
    cache.set(b"e:cas", b"first")
    token = loop.run_until_complete(direct.gets(b"e:cas")).cas
    check("gets has a token", token > 0, True)
    check("cas", cache.cas(b"e:cas", b"second", token), None)
    refused("cas with the old token", lambda: cache.cas(b"e:cas", b"third", token), StorageCommandError)
    check("gats has a new one", loop.run_until_complete(direct.gats(1000, b"e:cas")).cas > token, True)
    check("get after cas", cache.get(b"e:cas"), b"second")


def counters(cache):
    refused("increment of an absent key", lambda: cache.increment(b"e:none", 1), NotFoundCommandError)
    cache.set(b"e:n", b"10")
    check("increment and decrement", (cache.increment(b"e:n", 5), cache.decrement(b"e:n", 4)), (15, 11))
    check("decrement stops at 0", cache.decrement(b"e:n", 100), 0)
    check("increment wraps", (cache.increment(b"e:n", 2**64 - 1), cache.increment(b"e:n", 3)), (2**64 - 1, 2))
    cache.set(b"e:n", b"text")
    # The client reads the refusal as a number, and says so.
    refused("increment of text", lambda: cache.increment(b"e:n", 1), ValueError)


def expiry(cache):
    refused("touch of an absent key", lambda: cache.touch(b"e:none", 10), NotFoundCommandError)
    check("gat of nothing", cache.gat(10, b"e:none"), None)
    for key in (b"e:kept", b"e:got", b"e:lost"):
        cache.set(key, b"v", exptime=3)
    check("touch", cache.touch(b"e:kept", 1000), None)
    check("gat", cache.gat(1000, b"e:got"), b"v")
    until(lambda: cache.get(b"e:lost") is None)
    check("only the untouched is lost", cache.get_many([b"e:kept", b"e:got", b"e:lost"]), {b"e:kept": b"v", b"e:got": b"v"})


def quiet(cache):
    for number in range(100):
        cache.set(b"e:q", b"%d" % number, noreply=True)
    cache.add(b"e:q", b"x", noreply=True)
    cache.replace(b"e:none", b"x", noreply=True)
    cache.append(b"e:q", b"0", noreply=True)
    cache.prepend(b"e:q", b"1", noreply=True)
    cache.increment(b"e:q", 1, noreply=True)
    cache.decrement(b"e:none", 1, noreply=True)
    cache.touch(b"e:q", 1000, noreply=True)
    check("one of each without a reply", cache.get(b"e:q"), b"1991")
    cache.delete(b"e:q", noreply=True)
    check("delete without a reply", cache.get(b"e:q"), None)


def server(cache, where):
    check("stats", {"pid", "uptime", "version", "curr_items", "cmd_get"} - set(cache.stats(where)), set())
    check("stats settings", "maxbytes" in cache.stats(where, "settings"), True)
    check("version", bool(cache.version(where)), True)
    check("verbosity", cache.verbosity(where, 1), None)
    allowed("cache_memlimit", lambda: cache.cache_memlimit(where, 64), None)
    check("flush_all", (cache.flush_all(where), cache.get(b"e:a")), (None, None))


async def at_once(cache):
    """The client gathers what its callers ask for at once into one request."""
    await asyncio.gather(*(cache.set(b"e:at:%d" % number, b"%d" % number) for number in range(100)))
    found = await asyncio.gather(*(cache.get(b"e:at:%d" % number) for number in range(100)))
    return [item.value for item in found]


def main():
    client("emcache")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    where = MemcachedHostAddress(*address())
    # One connection: what is sent without a reply is done before what follows.
    direct = loop.run_until_complete(emcache.create_client([where], timeout=30, max_connections=1))
    gathering = loop.run_until_complete(emcache.create_client([where], timeout=30, autobatching=True))
    cache = Plain(loop, direct)
    for part in (items, values, many, counters, expiry, quiet):
        part(cache)
    cas(loop, direct, cache)
    check("a hundred callers", loop.run_until_complete(at_once(gathering)) == [b"%d" % number for number in range(100)], True)
    server(cache, where)
    loop.run_until_complete(direct.close())
    loop.run_until_complete(gathering.close())


main()
