"""meta-memcache 4.3 against one server, in memcached's meta protocol: `meta_memcache_meta.py HOST:PORT`.

Leases, recaching and stale values are what no other client at hand asks for.
"""

from meta_memcache import CacheClient, Key, LeasePolicy, RecachePolicy, ServerAddress, SetMode, StalePolicy, Value, connection_pool_factory_builder
from meta_memcache import RequestFlags
from steps import address, check, client, noise, until


def items(cache):
    check("get of nothing", cache.get("i:none"), None)
    check("set", cache.set("i:a", "one", ttl=1000), True)
    check("get", cache.get("i:a"), "one")
    check("add of a present key", cache.set("i:a", "two", ttl=1000, set_mode=SetMode.ADD), False)
    check("add of an absent key", cache.set("i:b", "two", ttl=1000, set_mode=SetMode.ADD), True)
    check("refill of a present key", cache.refill("i:a", "two", ttl=1000), False)
    check("replace of an absent key", cache.set("i:none", "x", ttl=1000, set_mode=SetMode.REPLACE), False)
    check("replace", cache.set("i:b", "three", ttl=1000, set_mode=SetMode.REPLACE), True)
    check("append", cache.set("i:b", ">", ttl=1000, set_mode=SetMode.APPEND), True)
    check("prepend", cache.set("i:b", "<", ttl=1000, set_mode=SetMode.PREPEND), True)
    check("append to nothing", cache.set("i:none", ">", ttl=1000, set_mode=SetMode.APPEND), False)
    check("get of all that", cache.get("i:b"), "<three>")
    check("delete", cache.delete("i:b"), True)
    check("delete again", cache.delete("i:b"), False)
    check("invalidate", cache.invalidate("i:b"), True)
    check("empty value", (cache.set("i:e", "", ttl=1000), cache.get("i:e")), (True, b""))


def values(cache):
    for step, value in {"text beyond ASCII": "Grüße 🔒", "bytes": bytes(range(256)), "a number": 42, "a list": [1, 2.5, None]}.items():
        check(step, (cache.set("v:v", value, ttl=1000), cache.get("v:v")), (True, value))
    large, huge = noise(1_000_000), Key("v:huge", disabled_compression=True)
    check("a million bytes", (cache.set("v:large", large, ttl=1000), cache.get("v:large") == large), (True, True))
    check("too many bytes", (cache.set(huge, noise(1_100_000), ttl=1000), cache.get(huge)), (False, None))
    check("compressed", (cache.set("v:z", "z" * 100_000, ttl=1000), cache.get("v:z") == "z" * 100_000), (True, True))
    # Keys that a line cannot carry go in base64, long ones as a digest.
    for step, key in {"a key beyond ASCII": "ключ 🔒", "a key with a space": "a b", "a key with lines": "a\r\nb", "a key of 400 bytes": "k" * 400}.items():
        check(step, (cache.set(key, "v", ttl=1000), cache.get(key), cache.delete(key), cache.get(key)), (True, "v", True, None))


def many(cache):
    wanted = {Key(f"many:{number}"): number for number in range(200)}
    for key, value in wanted.items():
        cache.set(key, value, ttl=1000, no_reply=True)
    check("multi_get", cache.multi_get(list(wanted)) == wanted, True)
    check("multi_get, some absent", cache.multi_get(["many:no", "many:0"]), {Key("many:no"): None, Key("many:0"): 0})
    tokens = cache.multi_get_cas(list(wanted))
    check("multi_get_cas", len({token for _, token in tokens.values()}), 200)


def cas(cache):
    cache.set("c:a", "first", ttl=1000)
    value, token = cache.get_cas("c:a")
    check("get_cas", (value, token > 0), ("first", True))
    check("get_cas of nothing", cache.get_cas("c:none"), (None, None))
    check("set with the token", cache.set("c:a", "second", ttl=1000, cas_token=token), True)
    check("set with the old token", cache.set("c:a", "third", ttl=1000, cas_token=token), False)
    newest = cache.set_cas("c:a", "fourth", ttl=1000)
    check("set_cas gives the token", cache.get_cas("c:a") == ("fourth", newest), True)
    check("delete with the old token", cache.delete("c:a", cas_token=token), False)
    check("delete with the token", cache.delete("c:a", cas_token=newest), True)


def counters(cache):
    check("delta of an absent key", cache.delta("n:none", 1), False)
    check("delta_initialize", cache.delta_initialize("n:n", 5, initial_value=10, initial_ttl=1000), True)
    check("delta_and_get", cache.delta_and_get("n:n", 5), 15)
    check("downwards", cache.delta_and_get("n:n", -4), 11)
    check("stops at 0", cache.delta_and_get("n:n", -100), 0)
    check("delta_initialize_and_get", cache.delta_initialize_and_get("n:n", 7, initial_value=1, initial_ttl=1000), 7)
    check("delta_initialize_and_get of an absent key", cache.delta_initialize_and_get("n:m", 7, initial_value=1, initial_ttl=1000), 1)
    check("delta without a reply", (cache.delta("n:n", 1, no_reply=True), cache.get("n:n")), (True, "8 "))
    _, token = cache.get_cas("n:n")
    check("delta with the token", (cache.delta("n:n", 1, cas_token=token), cache.delta("n:n", 1, cas_token=token)), (True, False))


def leases(cache, other):
    lease = LeasePolicy(ttl=30, miss_retries=1, miss_retry_wait=0.001)
    check("the first who misses has the lease", cache.get_or_lease("l:a", lease), None)
    waited = []
    check("the next waits", other.get_or_lease("l:a", LeasePolicy(ttl=30, miss_retries=3), lease_wait_fn=waited.append), None)
    check("so many times", len(waited) > 0, True)
    _, token = cache.get_or_lease_cas("l:b", lease)
    check("the lease has a token", token is not None and token > 0, True)
    check("it may be filled once", (cache.set("l:b", "v", ttl=1000, cas_token=token), cache.set("l:b", "w", ttl=1000, cas_token=token)), (True, False))
    check("then all have it", other.get_or_lease("l:b", lease), "v")


def staleness(cache, other):
    stale = StalePolicy(mark_stale_on_deletion_ttl=30)
    cache.set("s:a", "old", ttl=1000)
    check("delete that leaves a stale value", cache.delete("s:a", stale_policy=stale), True)
    check("the first sees a miss and recaches", cache.get("s:a"), None)
    check("the others have the stale value", other.get("s:a"), "old")
    cache.set("s:a", "new", ttl=1000)
    check("until it is set", (cache.get("s:a"), other.get("s:a")), ("new", "new"))
    recache = RecachePolicy(ttl=30)
    cache.set("s:b", "soon", ttl=20)
    check("one recaches before the end", [one.get("s:b", recache_policy=recache) for one in (cache, other, cache)], [None, "soon", "soon"])
    cache.set("s:c", "first", ttl=1000)
    _, token = cache.get_cas("s:c")
    cache.set("s:c", "second", ttl=1000)
    late = StalePolicy(mark_stale_on_deletion_ttl=30, mark_stale_on_cas_mismatch=True)
    check("delete with a token that is too old", cache.delete("s:c", cas_token=token, stale_policy=late), False)
    check("leaves it", cache.get("s:c"), "second")
    check("set with a token that is too old", cache.set("s:c", "older", ttl=1000, cas_token=token, stale_policy=late), True)
    check("is taken for stale", (cache.get("s:c"), other.get("s:c")), (None, "older"))


def expiry(cache):
    check("touch of an absent key", cache.touch("e:none", ttl=10), False)
    for key in ("e:kept", "e:got", "e:lost"):
        cache.set(key, "v", ttl=3)
    check("touch", cache.touch("e:kept", ttl=1000), True)
    check("get that touches", cache.get("e:got", touch_ttl=1000), "v")
    until(lambda: cache.get("e:lost") is None)
    check("only the untouched is lost", (cache.get("e:kept"), cache.get("e:got"), cache.get("e:lost")), ("v", "v", None))


def meta(cache):
    """The commands as they are."""
    cache.set("m:a", "value", ttl=100)
    flags = RequestFlags(return_value=True, return_ttl=True, return_size=True, return_fetched=True, return_last_access=True, return_client_flag=True)
    got = cache.meta_get(Key("m:a"), flags=flags)
    check("mg of all", isinstance(got, Value) and (got.value, got.size, got.flags.ttl in range(50, 101), got.flags.fetched), ("value", 5, True, False))
    got = cache.meta_get(Key("m:a"), flags=flags)
    check("mg again", isinstance(got, Value) and got.flags.fetched, True)
    check("mg of several", sorted(type(found).__name__ for found in cache.meta_multiget([Key("m:a"), Key("m:none")]).values()), ["Miss", "Success"])
    check("ms", type(cache.meta_set(Key("m:b"), "v")).__name__, "Success")
    check("md", (type(cache.meta_delete(Key("m:b"))).__name__, type(cache.meta_delete(Key("m:b"))).__name__), ("Success", "Miss"))
    check("ma of nothing", type(cache.meta_arithmetic(Key("m:none"))).__name__, "Miss")


def quiet(cache):
    for number in range(100):
        cache.set("q:a", number, ttl=1000, no_reply=True)
    check("sets without a reply", cache.get("q:a"), 99)
    cache.touch("q:a", ttl=1000, no_reply=True)
    cache.delete("q:a", no_reply=True)
    check("delete without a reply", cache.get("q:a"), None)


def connect():
    # One connection: what is sent without a reply is done before what follows. With its usual buffer a million bytes take it 20 s.
    pools = connection_pool_factory_builder(max_pool_size=1, connection_timeout=30, recv_timeout=30, read_buffer_size=2_000_000)
    return CacheClient.cache_client_from_servers([ServerAddress(*address())], pools, raise_on_server_error=False)


def main():
    client("meta-memcache")
    cache, other = connect(), connect()
    for part in (items, values, many, cas, counters, expiry, meta, quiet):
        part(cache)
    leases(cache, other)
    staleness(cache, other)


main()
