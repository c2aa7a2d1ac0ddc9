import { describe, expect, it } from 'vitest';
import { DemoArgumentsError, readDemoArguments } from '../../../src/cli/demo/arguments.ts';

const SANDBOX = 'http://127.0.0.1:8090';

describe('readDemoArguments', () => {
  it('starts its own gateway when told nothing', () => {
    expect(readDemoArguments([], {})).toEqual({
      payments: 3000,
      concurrency: 20,
      seed: '1',
      running: null,
    });
  });

  it('takes a running gateway from options or environment, options first', () => {
    const url = 'http://127.0.0.1:8080';
    expect(readDemoArguments(['--url', `${url}/`, '--key', 'k1'], {})?.running).toEqual({
      url,
      key: 'k1',
      sandbox: SANDBOX,
    });
    const environment = { DEMO_URL: 'http://other:1', DEMO_KEY: 'k2' };
    expect(
      readDemoArguments(['--url', url, '--sandbox', 'http://localhost:9'], environment)?.running,
    ).toEqual({ url, key: 'k2', sandbox: 'http://localhost:9' });
    expect(readDemoArguments([], { DEMO_URL: '', DEMO_KEY: '' })?.running).toBeNull();
  });

  it('asks for help', () => {
    expect(readDemoArguments(['--help'], {})).toBeNull();
    expect(readDemoArguments(['-h', '--payments', 'many'], {})).toBeNull();
  });

  const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
    [['--payments', '59'], /--payments 59: expected a whole number, 60 to 50000/],
    [['--payments', '1e3'], /--payments 1e3: expected/],
    [['--payments', '50001'], /--payments 50001: expected/],
    [['--concurrency', '0'], /--concurrency 0: expected a whole number, 1 to 256/],
    [['--concurrency=-1'], /--concurrency -1: expected/],
    [['--seed', ''], /--seed "": expected/],
    [['--colour'], /Unknown option '--colour'/],
    [['300'], /Unexpected argument '300'/],
    [['--payments'], /--payments/],
    [['--url', 'http://127.0.0.1:8080'], /--url without --key/],
    [['--key', 'k'], /--key \(or DEMO_KEY\) without --url/],
    [['--sandbox', SANDBOX], /--sandbox without --url/],
    [['--url', '127.0.0.1:8080', '--key', 'k'], /--url 127.0.0.1:8080: expected a URL/],
    [['--url', 'http://127.0.0.1:8080', '--key', 'k', '--sandbox', 'x'], /--sandbox x: expected a URL/],
    [['--url', 'http://127.0.0.1:8080', '--key', 'a b'], /--key: expected visible ASCII/],
  ];

  it.each(WRONG)('refuses %j', (argv, message) => {
    expect(() => readDemoArguments(argv, {})).toThrow(DemoArgumentsError);
    expect(() => readDemoArguments(argv, {})).toThrow(message);
  });
});
