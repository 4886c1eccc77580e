// memjs 1.3 against one server, in memcached's binary protocol: `memjs_binary.cjs HOST:PORT`. All that it offers.
//
// Its own tests speak to dummies. NODE_PATH has to name where it is installed.
'use strict';

const memjs = require('memjs');
const { version } = require('memjs/package.json');

const LIMIT_SECONDS = 30;

function check(step, seen, wanted) {
  const said = (value) => JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner));
  const result = said(seen);
  console.log(result === said(wanted) ? `ok ${step}: ${result}` : `not ok ${step}: ${result} instead of ${said(wanted)}`);
}

const text = async (cache, key) => {
  const { value } = await cache.get(key);
  return value === null ? null : value.toString();
};

async function items(cache) {
  check('get of nothing', await text(cache, 'none'), null);
  check('set', await cache.set('a', 'one', { expires: 1000 }), true);
  check('get', await text(cache, 'a'), 'one');
  check('add of a present key', await cache.add('a', 'two', {}), false);
  check('add of an absent key', await cache.add('b', 'two', {}), true);
  check('replace of an absent key', await cache.replace('none', 'x', {}), false);
  check('replace', await cache.replace('b', 'three', {}), true);
  check('append and prepend', [await cache.append('b', '>'), await cache.prepend('b', '<')], [true, true]);
  check('append to nothing', await cache.append('none', '>').catch((error) => error.message), 'MemJS APPEND: Item not stored');
  // Its prepend sends APPEND.
  check('get of all that', await text(cache, 'b'), 'three><');
  check('delete, twice', [await cache.delete('b'), await cache.delete('b')], [true, false]);
  check('a key beyond ASCII', [await cache.set('ключ', 'ä', {}), await text(cache, 'ключ')], [true, 'ä']);
}

async function values(cache) {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  check('every byte', [await cache.set('v', bytes, {}), (await cache.get('v')).value.equals(bytes)], [true, true]);
  const large = Buffer.alloc(1_000_000, 'x');
  check('a million bytes', [await cache.set('large', large, {}), (await cache.get('large')).value.equals(large)], [true, true]);
  const refused = await cache.set('large', Buffer.alloc(1_100_000), {}).catch((error) => `${error.message}`);
  check('too many bytes', refused === true, false);
  check('the connection goes on', await text(cache, 'a'), 'one');
}

async function counters(cache) {
  check('increment creates', (await cache.increment('n', 5, { initial: 10 })).value, 10);
  check('increment', (await cache.increment('n', 5, {})).value, 15);
  check('decrement', (await cache.decrement('n', 4, {})).value, 11);
  check('decrement stops at 0', (await cache.decrement('n', 100, {})).value, 0);
}

async function expiry(cache) {
  check('touch of an absent key', await cache.touch('none', 10), false);
  await cache.set('kept', 'v', { expires: 3 });
  await cache.set('lost', 'v', { expires: 3 });
  check('touch', await cache.touch('kept', 1000), true);
  const deadline = Date.now() + LIMIT_SECONDS * 1000;
  while ((await text(cache, 'lost')) !== null && Date.now() < deadline) await new Promise((done) => setTimeout(done, 50));
  check('only the untouched is lost', [await text(cache, 'kept'), await text(cache, 'lost')], ['v', null]);
}

function statistics(cache, call) {
  return new Promise((done) => call.call(cache, (error, server, found) => done(error === null && Object.keys(found || {}))));
}

async function main() {
  console.log(`client memjs ${version}`);
  const cache = memjs.Client.create(process.argv[2], { timeout: LIMIT_SECONDS, conntimeout: LIMIT_SECONDS, retries: 0, logger: { log() {} } });
  for (const part of [items, values, counters, expiry]) await part(cache);
  const together = await Promise.all(Array.from({ length: 100 }, (_, number) => cache.set(`at:${number}`, `${number}`, {})));
  check('a hundred at once', together.every(Boolean), true);
  const got = await Promise.all(Array.from({ length: 100 }, (_, number) => text(cache, `at:${number}`)));
  check('and read at once', got.every((value, number) => value === `${number}`), true);
  const names = await statistics(cache, cache.stats);
  check('stats', ['pid', 'uptime', 'version', 'curr_items'].every((name) => names.includes(name)), true);
  check('flush', [(await cache.flush()) !== null, await text(cache, 'a')], [true, null]);
  cache.quit();
}

main().catch((error) => {
  console.log(`not ok the script: ${error.stack}`);
  process.exit(1);
});
