import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BinFileError, importBinFile } from '../../src/config/bin-import.ts';
import { loadBinTable } from '../../src/config/default-bin-table.ts';

const BINLIST = `iin_start,iin_end,number_length,number_luhn,scheme,brand,type,prepaid,country,bank_name,bank_logo,bank_url,bank_phone,bank_city
457173,,,,visa,Visa Classic,debit,n,DK,Some Bank,,,,
45717399,45717410,16,y,visa,,credit,y,SE,"Bank, with comma",,,,
22210000,22210099,,,mastercard,,charge,,GB,,,,,
`;
const SECOND = `\uFEFFbin;BRAND;Type;Category;Issuer;IssuerPhone;IssuerUrl;isoCode2;isoCode3;CountryName\r
508500;RUPAY;DEBIT;CLASSIC;"STATE BANK; OF INDIA";;;IN;IND;INDIA\r
360000;DINERS CLUB INTERNATIONAL;CHARGE CARD;PREPAID GOLD;;;;UK;;\r
`;

let folder = '';
const file = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bins-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('importBinFile', () => {
  it('reads the form of binlist', async () => {
    const result = await importBinFile(await file('binlist.csv', BINLIST));
    expect(result).toMatchObject({ rows: 3, refused: 0 });
    expect(result.ranges[0]).toEqual({
      start: 45_717_300_000,
      end: 45_717_399_999,
      brand: 'visa',
      funding: 'debit',
      product: 'Visa Classic',
      prepaid: false,
      issuer: 'Some Bank',
      country: 'DK',
    });
    expect(result.ranges[1]).toMatchObject({
      start: 45_717_399_000,
      end: 45_717_410_999,
      issuer: 'Bank, with comma',
      prepaid: true,
    });
    expect(result.ranges[2]).toMatchObject({ brand: 'mastercard', funding: 'charge', prepaid: null });
  });

  it('reads the other form, and counts what it has no name for', async () => {
    const result = await importBinFile(await file('second.csv', SECOND));
    expect(result.ranges).toMatchObject([
      {
        brand: 'unknown',
        funding: 'debit',
        product: 'CLASSIC',
        issuer: 'STATE BANK; OF INDIA',
        country: 'IN',
      },
      { brand: 'diners', funding: 'charge', prepaid: true, country: null },
    ]);
    expect([...result.notUnderstood]).toEqual([
      ['brand RUPAY', 1],
      ['country UK', 1],
    ]);
  });

  it('refuses rows with their place and never shows their digits', async () => {
    const path = await file(
      'bad.csv',
      'BIN,Brand\n4111111111111111,VISA\n4.57E+7,VISA\n45717,VISA\n,VISA\n457173,VISA,x\n457174,VISA\n"457175,VISA\n',
    );
    const result = await importBinFile(path);
    expect(result).toMatchObject({ rows: 7, refused: 6 });
    expect(result.ranges).toHaveLength(1);
    expect(result.refusedFirst.map(({ line, column, what }) => `${line}:${column} ${what}`)).toEqual([
      '2:1 a BIN of more than 11 digits',
      '3:1 a BIN that is not digits alone',
      '4:1 a BIN of fewer than 6 digits',
      '5:1 no BIN',
      '6:3 more fields than the 2 columns',
      '8:1 a quote that is never closed',
    ]);
    expect(JSON.stringify(result.refusedFirst)).not.toMatch(/\d{6}/);
    const ends = await importBinFile(
      await file(
        'ends.csv',
        'iin_start,iin_end,scheme\n457173,45717399,visa\n457174,457173,visa\n457175,457176,visa\n',
      ),
    );
    expect(ends.refusedFirst.map(({ line, column }) => [line, column])).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  it.each([
    ['nothing', ''],
    ['another table', 'name,price\nx,1\n'],
    ['a header alone', 'BIN,Brand\n'],
    ['no good row', 'BIN,Brand\nx,visa\n'],
  ])('says that %s is no table of BINs', async (name, text) => {
    const path = await file(`${name}.csv`, text);
    await expect(importBinFile(path)).rejects.toThrow(BinFileError);
    await expect(importBinFile(path)).rejects.toThrow(`${path}:`);
  });

  it('says which file is not there', async () => {
    await expect(importBinFile(join(folder, 'none.csv'))).rejects.toThrow(/none\.csv: not readable/);
  });

  it('takes a large file', async () => {
    const rows = Array.from(
      { length: 100_000 },
      (_, index) => `${400_000 + index},VISA,DEBIT,CLASSIC,"BANK ${index % 99}",,,DE,DEU,GERMANY`,
    );
    const path = await file(
      'large.csv',
      `BIN,Brand,Type,Category,Issuer,IssuerPhone,IssuerUrl,isoCode2,isoCode3,CountryName\n${rows.join('\n')}`,
    );
    const result = await importBinFile(path);
    expect(result).toMatchObject({ rows: 100_000, refused: 0 });
  });
});

describe('loadBinTable', () => {
  it.each([
    ['45717360', { brand: 'visa', funding: 'debit', country: 'DK', issuer: 'Jyske Bank', matchLength: 8 }],
    ['444433', { brand: 'visa', funding: 'debit', country: 'US', issuer: 'Bank of America' }],
    ['411111', { brand: 'visa' }],
    ['222100', { brand: 'mastercard' }],
    ['272099', { brand: 'mastercard' }],
    ['220000', { brand: 'mir' }],
    ['220499', { brand: 'mir' }],
    ['606282', { brand: 'hipercard' }],
    ['650000', { brand: 'discover' }],
    ['650031', { brand: 'elo' }],
    ['650033', { brand: 'elo' }],
    ['650052', { brand: 'troy' }],
    ['65083700', { brand: 'troy', matchLength: 8 }],
    ['352800', { brand: 'jcb' }],
    ['358999', { brand: 'jcb' }],
    ['457172', { brand: 'visa', issuer: 'Jyske Bank', country: 'DK' }],
    // Verve is none of our brands, and not the Maestro around it.
    ['506099', { brand: 'unknown' }],
  ])('knows %s by default', async (bin, facts) => {
    expect((await table).find(bin)).toMatchObject(facts);
  });
  const table = loadBinTable([]);

  it('has no brand beyond the schemes', async () => {
    expect((await table).find('272100')).toBeNull();
    expect((await table).find('999999')).toBeNull();
  });

  it('lets imported files win over the default, later over earlier, and tells about each', async () => {
    const first = await file('first.csv', 'BIN,Brand,Issuer\n45717360,VISA,First\n411111,,First\n');
    const later = await file('later.csv', 'BIN,Brand,Issuer\n45717360,VISA,Later\n');
    const told: string[] = [];
    const loaded = await loadBinTable([first, later], (path, result) => told.push(`${path} ${result.rows}`));
    expect(told).toEqual([`${first} 2`, `${later} 1`]);
    expect(loaded.find('45717360')?.issuer).toBe('Later');
    expect(loaded.find('411111')).toMatchObject({ issuer: 'First', brand: 'visa' });
  });
});

describe('import-bins', () => {
  const run = promisify(execFile);
  const script = resolve(import.meta.dirname, '../../src/cli/import-bins.ts');

  it('sums a file up', async () => {
    const { stdout } = await run(process.execPath, [script, await file('cli.csv', BINLIST)]);
    expect(stdout).toContain('3 rows, 3 accepted, 0 refused');
    expect(stdout).toContain('brands: visa 2, mastercard 1');
    expect(stdout).toContain('countries: DK 1, SE 1, GB 1');
  });

  it('tells what it did not understand, under either name of the column, and what it did not read', async () => {
    for (const header of ['BIN,Brand,Type,Colour', 'BIN,Brand,Funding,Colour', 'bin,scheme,funding,Colour']) {
      const path = await file('note.csv', `${header}\n457173,VISA,debti,red\n457174,VISA,debit,red\n`);
      const { stdout } = await run(process.execPath, [script, path]);
      expect(stdout).toContain('2 accepted, 0 refused');
      expect(stdout).toContain('not understood, left unknown: funding debti 1');
      expect(stdout).toContain('columns not used: Colour');
    }
  });

  it('hands nothing of a file to the terminal that would steer it', async () => {
    const path = await file('steer.csv', 'BIN,Brand,Co\u001b[2Jlour\n457173,VI\u009b31mSA,red\n');
    const { stdout } = await run(process.execPath, [script, path]);
    expect(stdout).toContain('columns not used: Co\\u001b[2Jlour');
    expect(stdout).toMatch(/not understood, left unknown: \w+ VI\\u009b31mSA 1/);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  it('says which columns it knows', async () => {
    const path = await file('cli-header.csv', 'name,price\nx,1\n');
    await expect(run(process.execPath, [script, path])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /no column named BIN or iin_start.*BIN,Brand,Type.* or iin_start,iin_end,/,
      ),
    });
    const { stdout } = await run(process.execPath, [script, '--help']);
    expect(stdout).toMatch(/npm run check-bins -- .*BIN,Brand,Type.*iin_start,iin_end/s);
  });

  it('ends with 1 when it refused something, with 2 without a file', async () => {
    const bad = await file('cli-bad.csv', 'BIN,Brand\n45,VISA\n457173,VISA\n');
    await expect(run(process.execPath, [script, bad])).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`${bad}:2:1  a BIN of fewer than 6 digits`),
    });
    await expect(run(process.execPath, [script])).rejects.toMatchObject({ code: 2 });
  });
});
