import type { CardBrand } from '../../../src/core/card.ts';
import type { DeclineCategory, OtherProvider } from '../../../src/core/declines/decline.ts';
import type { CodeMeaning, DeclineTables, NetworkRow } from '../../../src/core/declines/decline-tables.ts';

const no = (category: DeclineCategory, otherProvider: OtherProvider, hidesApproval = false): CodeMeaning => ({
  kind: 'declined',
  category,
  otherProvider,
  hidesApproval,
});

const row = (code: string, meaning: CodeMeaning, over: Partial<NetworkRow> = {}): NetworkRow => ({
  code,
  brands: null,
  scaRegion: null,
  threeDs: null,
  meaning,
  ...over,
});

const mastercard: ReadonlySet<CardBrand> = new Set(['mastercard']);
const softDecline = no('soft_decline_issuer', 'no');

/** A few rows that show every reading of a code: what the adapter makes of them is tested, not the tables. */
export const sampleDeclineTables: DeclineTables = {
  network: new Map(
    [
      [row('05', no('soft_decline_issuer', 'yes_once'))],
      [row('14', no('hard_decline_issuer', 'never'))],
      [row('51', softDecline)],
      [row('09', { kind: 'pending' })],
      [row('68', { kind: 'ambiguous' })],
      [row('91', no('issuer_unavailable', 'yes_once'))],
      [row('96', { kind: 'not_processed', reason: 'transient' })],
      [row('1A', { kind: 'authentication_required' })],
      [
        row(
          '65',
          { kind: 'authentication_required' },
          { brands: mastercard, scaRegion: true, threeDs: false },
        ),
        row('65', softDecline),
      ],
    ].map((rows) => [rows[0]?.code ?? '', rows]),
  ),
  visaCategories: new Map([['14', 1]]),
  merchantAdvice: new Map([
    [
      '24',
      {
        code: '24',
        demands: { category: 'soft_decline_issuer', otherProvider: 'no', retryAfterMs: 3_600_000 },
      },
    ],
  ]),
  providers: new Map([
    [
      'sandbox',
      {
        codes: new Map([
          ['risk_blocked', no('fraud_psp', 'no')],
          ['declined_after_approval', no('fraud_psp', 'no', true)],
        ]),
        prefixes: [['issuer_', { kind: 'see_network' }]],
        advice: new Map(),
        adviceIsNetworks: true,
      },
    ],
  ]),
};
