import { describe, expect, test } from 'vitest';
import { databasePlace } from '../../../src/stores/postgres/database-place.ts';
import { readDatabaseUrl } from '../../../src/stores/postgres/database-url.ts';

describe('DATABASE_URL', () => {
  test.each([
    [
      'postgres://pod:secret@db.internal/pointsman',
      {
        hosts: [{ host: 'db.internal', port: 5432 }],
        user: 'pod',
        password: 'secret',
        database: 'pointsman',
      },
    ],
    [
      'postgresql://pod:p%40ss%3A%2Fw@a:5433,b,[::1]:6000/pointsman?sslmode=verify-full&sslrootcert=/etc/ca.pem',
      {
        hosts: [
          { host: 'a', port: 5433 },
          { host: 'b', port: 5432 },
          { host: '::1', port: 6000 },
        ],
        password: 'p@ss:/w',
        tls: 'verify-full',
        rootCertificate: '/etc/ca.pem',
      },
    ],
    [
      'postgres://pod@a/j?target_session_attrs=read-write',
      { user: 'pod', password: undefined, database: 'j', tls: 'disable', rootCertificate: null },
    ],
  ])('%s', (url, expected) => {
    expect(readDatabaseUrl(url)).toMatchObject(expected);
  });

  test.each([
    ['postgres://pod:hidden@db', /^DATABASE_URL: expected postgres:\/\/user:password@host:port\/database/],
    ['mysql://pod:hidden@db/j', /expected postgres:/],
    ['postgres://db/j', /names no user/],
    ['postgres://pod:hidden@db:99999/j', /a host is malformed/],
    ['postgres://pod:hidden@a,,b/j', /a host is malformed/],
    ['postgres://pod:hidden%@db/j', /the password is not percent-encoded: write a % as %25/],
    ['postgres://pod:hidden@db/j?sslmode=prefer', /sslmode: expected disable \| require/],
    [
      'postgres://pod:hidden@db/j?target_session_attrs=any',
      /"target_session_attrs" is not known with this value/,
    ],
    ['postgres://pod:hidden@db/j?options=-csynchronous_commit%3Doff', /"options" is not known/],
  ])('%s is refused, without its password', (url, why) => {
    const refusal = (() => {
      try {
        readDatabaseUrl(url);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(refusal).toMatch(why);
    expect(refusal).not.toContain('hidden');
  });
});

test('a place names hosts and database, and neither user nor password', () => {
  expect(databasePlace('postgres://hidden:hidden@a:5433,[::1]/journal?sslmode=verify-full')).toBe(
    'postgres a:5433,[::1]:5432/journal sslmode=verify-full',
  );
});
