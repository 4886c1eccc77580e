"""What holds for every key, value, number and address: hypothesis looks for one that it does not hold for."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from conftest import PATIENCE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lockproof import Memcache, NotANumber, ReferenceServer
from lockproof._address import Unix, parse, parse_all, written
from lockproof._expiry import on_the_wire

MONTH = 30 * 24 * 3600
KEY_MAX = 250
UINT64 = 2**64

# No example has a time limit: the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="module")
def cache() -> Iterator[Memcache]:
    """A client of an embedded server that the whole module has for itself."""
    with ReferenceServer() as server, Memcache(server.memcached, timeout=PATIENCE) as cache:
        yield cache


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=KEY_MAX)
keys: st.SearchStrategy[str | bytes] = st.binary(min_size=1, max_size=KEY_MAX) | texts.filter(
    lambda text: len(text.encode()) <= KEY_MAX
)

#: Up to 100 kB, without making hypothesis draw each byte.
values = st.binary(max_size=1000) | st.builds(
    lambda unit, times: unit * times, st.binary(max_size=100), st.integers(0, 1000)
)
flags = st.integers(0, 2**32 - 1)


def on_the_server(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


@given(keys, values, flags)
@example(b"\0", b"", 0)
@example(b"k" * KEY_MAX, bytes(100_000), 2**32 - 1)
def test_what_was_set_is_what_is_there(cache: Memcache, key: str | bytes, value: bytes, flag: int) -> None:
    assert cache.set(key, value, flags=flag) is True
    entry = cache.gets(key)
    assert entry is not None and entry == (value, flag, entry.cas)
    assert cache.get(key) == value
    assert cache.get(on_the_server(key)) == value


@given(st.dictionaries(keys, values, max_size=20), flags)
def test_what_was_set_together_is_there_together(
    cache: Memcache, mapping: dict[str | bytes, bytes], flag: int
) -> None:
    # Two names of one key, as text and as bytes, would be one item.
    mapping = {key: mapping[key] for key in {on_the_server(key): key for key in mapping}.values()}
    assert cache.set_many(mapping, flags=flag) == []
    assert cache.get_many(mapping) == mapping
    entries = cache.gets_many(mapping)
    assert {key: entry[:2] for key, entry in entries.items()} == {key: (value, flag) for key, value in mapping.items()}
    assert cache.delete_many(mapping) == []
    assert cache.get_many(mapping) == {}


@given(st.binary(max_size=30), keys.filter(lambda key: len(on_the_server(key)) <= 220), values)
def test_a_prefix_is_nothing_but_a_longer_key(
    cache: Memcache, prefix: bytes, key: str | bytes, value: bytes
) -> None:
    with Memcache(cache.servers, timeout=PATIENCE, key_prefix=prefix) as prefixed:
        prefixed.set(key, value)
    assert cache.get(prefix + on_the_server(key)) == value


# Expiry.


@given(st.integers(0, MONTH) | st.floats(0, MONTH))
def test_up_to_a_month_an_expiry_is_what_it_says_rounded_up(seconds: float) -> None:
    assert on_the_wire(seconds) == math.ceil(seconds)


@given(st.integers(MONTH + 1, 2**31) | st.floats(MONTH, 2**31, exclude_min=True))
def test_beyond_a_month_it_is_the_moment_so_many_seconds_from_now(seconds: float) -> None:
    before = int(time.time())
    moment = on_the_wire(seconds)
    assert before + seconds <= moment <= time.time() + seconds + 1


@given(st.integers(1, 2**31))
def test_a_timedelta_is_its_seconds(seconds: int) -> None:
    before = on_the_wire(seconds)
    assert before <= on_the_wire(timedelta(seconds=seconds)) <= before + PATIENCE


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_datetime_is_its_moment(moment: datetime) -> None:
    assert moment.timestamp() <= on_the_wire(moment) < moment.timestamp() + 1


@given(
    st.integers(max_value=-1)
    | st.floats(max_value=0, exclude_max=True, allow_infinity=False)
    | st.timedeltas(max_value=timedelta(0))
    | st.datetimes(datetime(1970, 1, 2), datetime(2020, 1, 1), timezones=st.just(UTC))
)
def test_what_is_past_is_neither_for_ever_nor_relative(expire: Any) -> None:
    assert MONTH < on_the_wire(expire) < time.time()


@given(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.timedeltas()
    | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip
@example(10**400)
@example(-(10**400))
@example(timedelta.max)
@example(timedelta.min)
@example(datetime.max.replace(tzinfo=UTC))
def test_every_expiry_fits_on_the_wire(expire: Any) -> None:
    number = on_the_wire(expire)
    assert type(number) is int and 0 <= number < 2**32 - 1
    assert (number == 0) == (expire is None or (not isinstance(expire, timedelta) and expire == 0))


@pytest.mark.parametrize("expire", [float("nan"), float("inf"), float("-inf")])
def test_an_expiry_is_a_finite_number(expire: float) -> None:
    with pytest.raises(ValueError, match="0 is for ever"):
        on_the_wire(expire)


@pytest.mark.parametrize("expire", [True, "60", b"60", [60]])
def test_nothing_else_is_an_expiry(expire: Any) -> None:
    with pytest.raises(TypeError, match="an expiry is"):
        on_the_wire(expire)


# Addresses.

names = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,30}", fullmatch=True)
ports = st.integers(1, 65535)


@given(names, ports, st.none() | ports)
def test_host_and_port_are_read_as_written(host: str, port: int, default: int | None) -> None:
    assert parse(f"{host}:{port}", default) == (host, port)
    assert parse((host, port), default) == (host, port)


@given(st.ip_addresses(v=6).map(str), ports, ports)
def test_ipv6_addresses_are_in_brackets_where_there_is_a_port(host: str, port: int, default: int) -> None:
    assert parse(f"[{host}]:{port}") == (host, port)
    assert parse(f"[{host}]", default) == (host, default)
    assert parse(host, default) == (host, default)
    with pytest.raises(ValueError):
        parse(f"[{host}]")


@given(names, ports)
def test_a_host_alone_has_the_default_port_or_none_at_all(host: str, default: int) -> None:
    assert parse(host, default) == (host, default)
    with pytest.raises(ValueError):
        parse(host)


@given(names, st.integers().filter(lambda port: not 0 < port < 65536) | st.sampled_from(["x", "1.5", "-1"]))
def test_no_other_port_is_one(host: str, port: int | str) -> None:
    with pytest.raises(ValueError, match="no port"):
        parse(f"{host}:{port}")
    with pytest.raises(ValueError, match="no port"):
        parse((host, port))  # type: ignore[arg-type]


@given(st.from_regex(r"/[a-z:/.]{1,30}", fullmatch=True))
def test_a_unix_socket_is_its_path(path: str) -> None:
    assert parse(f"unix://{path}") == Unix(path)
    assert written(parse(f"unix://{path}")) == f"unix://{path}"


@given(names, ports)
def test_what_is_written_is_read_again(host: str, port: int) -> None:
    assert parse(written((host, port))) == (host, port)
    # Unix may be the name of a host.
    assert parse(f"unix:{port}") == ("unix", port)


@given(st.lists(st.tuples(names, ports), min_size=1, unique=True))
def test_several_servers_are_several_and_a_pair_is_one(servers: list[tuple[str, int]]) -> None:
    assert parse_all(servers, 11211) == servers
    assert parse_all([f"{host}:{port}" for host, port in servers], 11211) == servers
    assert parse_all(servers[0], 11211) == servers[:1]


@pytest.mark.parametrize("address", ["", ":1", "[]:1", "[]"])
def test_a_server_has_a_host(address: str) -> None:
    with pytest.raises(ValueError):
        parse(address, 11211)


# The client and a dict.


class Model:
    """A memcached whose items are in a dict, and never expire."""

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.items.get(key)

    def set(self, key: str, value: bytes) -> bool:
        self.items[key] = value
        return True

    def add(self, key: str, value: bytes) -> bool:
        return key not in self.items and self.set(key, value)

    def replace(self, key: str, value: bytes) -> bool:
        return key in self.items and self.set(key, value)

    def append(self, key: str, value: bytes) -> bool:
        return key in self.items and self.set(key, self.items[key] + value)

    def prepend(self, key: str, value: bytes) -> bool:
        return key in self.items and self.set(key, value + self.items[key])

    def delete(self, key: str) -> bool:
        return self.items.pop(key, None) is not None

    def touch(self, key: str, expire: int) -> bool:
        return key in self.items

    def incr(self, key: str, delta: int, *, initial: int | None = None) -> int | str | None:
        return self._count(key, lambda count: (count + delta) % UINT64, initial)

    def decr(self, key: str, delta: int, *, initial: int | None = None) -> int | str | None:
        return self._count(key, lambda count: max(count - delta, 0), initial)

    def _count(self, key: str, change: Any, initial: int | None) -> int | str | None:
        if key not in self.items:
            if initial is not None:
                self.items[key] = b"%d" % initial
            return initial
        digits = NUMBER.match(self.items[key])
        if digits is None or int(digits[1]) >= UINT64:
            return "NotANumber"
        count: int = change(int(digits[1]))
        # What became shorter keeps its length, with spaces behind.
        self.items[key] = (b"%d" % count).ljust(len(self.items[key]))
        return count


#: What a server takes for a number: spaces may be around it, and more behind those.
NUMBER = re.compile(rb"\s*([0-9]+)(?=\s|\Z)")

Command: TypeAlias = tuple[str, tuple[Any, ...], dict[str, Any]]

FEW_KEYS = ["a", "b", "c"]
few = st.sampled_from(FEW_KEYS)
contents = st.text("0129 x", max_size=4).map(str.encode) | st.integers(UINT64 - 3, UINT64 + 3).map(lambda n: b"%d" % n)
numbers = st.integers(0, 12) | st.integers(UINT64 - 3, UINT64 - 1)
commands: st.SearchStrategy[Command] = st.one_of(
    st.tuples(st.sampled_from(["get", "delete"]), st.tuples(few), st.just({})),
    st.tuples(
        st.sampled_from(["set", "add", "replace", "append", "prepend"]), st.tuples(few, contents), st.just({})
    ),
    st.tuples(st.just("touch"), st.tuples(few, st.just(3600)), st.just({})),
    st.tuples(
        st.sampled_from(["incr", "decr"]),
        st.tuples(few, numbers),
        st.fixed_dictionaries({"initial": st.none() | numbers}),
    ),
)


def perform(target: Memcache | Model, command: Command) -> Any:
    name, arguments, options = command
    try:
        return getattr(target, name)(*arguments, **options)
    except NotANumber:
        return "NotANumber"


@given(st.lists(commands, max_size=40))
def test_a_server_is_a_dict(cache: Memcache, program: list[Command]) -> None:
    cache.delete_many(FEW_KEYS)
    model = Model()
    for command in program:
        assert perform(cache, command) == perform(model, command), command
    assert cache.get_many(FEW_KEYS) == model.items


@given(st.lists(commands, max_size=40))
def test_a_server_is_a_dict_by_pipeline_too(cache: Memcache, program: list[Command]) -> None:
    cache.delete_many(FEW_KEYS)
    model = Model()
    pipe = cache.pipeline()
    for name, arguments, options in program:
        getattr(pipe, name)(*arguments, **options)
    results = pipe.execute(raise_on_error=False)
    seen = ["NotANumber" if isinstance(result, NotANumber) else result for result in results]
    assert seen == [perform(model, command) for command in program]
    assert cache.get_many(FEW_KEYS) == model.items
