// The own tests of npm's `memcached` against servers: `memcached_suite.cjs HOST:PORT,HOST:PORT,HOST:PORT`, in text.
//
// Says what came of each test. Left out are memcached-connections.test.js, which is about servers that are not there, wants a
// `ping` that not every machine has, and measures time; and memcached-touch.test.js, which lets an item live for a second, and
// that may be over at memcached's next tick. NODE_PATH has to name where mocha and the package are installed.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const Mocha = require('mocha');
require('should');

const { version } = require('memcached/package.json');
const tests = path.join(path.dirname(require.resolve('memcached/package.json')), 'test');
const LEFT_OUT = ['memcached-connections.test.js', 'memcached-touch.test.js'];
const LIMIT_MS = 30_000;

console.log(`client memcached ${version}`);
const { servers } = require(path.join(tests, 'common.js'));
servers.multi = process.argv[2].split(',');
[servers.single] = servers.multi;

// Several tests have the same title.
const seen = new Map();
function name(test) {
  const title = test.fullTitle();
  seen.set(title, (seen.get(title) || 0) + 1);
  return seen.get(title) === 1 ? title : `${title} (${seen.get(title)})`;
}

class Outcomes {
  constructor(runner) {
    runner.on('pass', (test) => console.log(`ok ${name(test)}`));
    runner.on('fail', (test, error) => console.log(`not ok ${name(test)}: ${`${error.message}`.split('\n')[0]}`));
    runner.on('pending', (test) => console.log(`skip ${name(test)}`));
  }
}

const mocha = new Mocha({ ui: 'bdd', reporter: Outcomes, timeout: LIMIT_MS });
const files = fs.readdirSync(tests).filter((file) => file.endsWith('.test.js') && !LEFT_OUT.includes(file));
files.sort().forEach((file) => mocha.addFile(path.join(tests, file)));
mocha.run(() => process.exit(0));
