import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FaultBody } from '../../src/sandbox/faults.ts';
import { allAuthorizations } from '../road/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { type AuthorizationView, authorizationIn } from '../support/start-gateway.ts';
import { type FaultStage, type Paid, type Story, startStage } from './fault-stage.ts';

/**
 * Payments at providers of every kind of promise under mixed faults (T1 to T12 at once): at no moment do two
 * authorizations of one payment stand, and in the end journal and ledger agree. Events come late, so that inquiries and
 * repeats have their turn.
 */

const SEED = Number(process.env['SEED'] ?? 20_261_128);
const PER_KIND = 40;
/** At the same time, over all kinds. */
const AT_ONCE = 60;
const LOOK_MS = 15;
const EVENT_DELAY_MS = 2_500;

const FORGETTING = { replay: 'success_only' } as const;
const KINDS: readonly Story[] = [
  { name: 'asked-and-repeated' },
  { name: 'asked-and-forgetting', semantics: FORGETTING, traits: FORGETTING },
  { name: 'asked-without-keys', semantics: { replay: 'none' } },
  { name: 'only-repeated', semantics: { inquiry: 'none' } },
  { name: 'asked-by-its-own-id', semantics: { inquiry: 'provider_reference' } },
  { name: 'never-asked', semantics: { inquiry: 'none', ...FORGETTING }, traits: FORGETTING },
];
/** Where nothing may be sent twice: the provider would not know that it is the same. */
const NEVER_REPEATED: ReadonlySet<string> = new Set([
  'asked-and-forgetting',
  'asked-without-keys',
  'never-asked',
]);

/**
 * Where a failure without processing is kept under the key and nobody can be asked: no repeat, inquiry or event would
 * ever tell, so that it is left out there.
 */
const TOLD_BY_REPEATS: ReadonlySet<string> = new Set(['only-repeated', 'asked-by-its-own-id']);

const FAULTS: readonly Omit<FaultBody, 'provider'>[] = [
  { kind: 'reset_before', probability: 0.06 },
  { kind: 'reset_after', probability: 0.07 },
  { kind: 'error', probability: 0.07 },
  { kind: 'error', ambiguous: true, probability: 0.06 },
  { kind: 'error', processed: true, probability: 0.07 },
  { kind: 'hang', probability: 0.05 },
  { kind: 'hang', processed: true, probability: 0.06 },
  { kind: 'truncated', probability: 0.05 },
  { kind: 'wrong_length', probability: 0.05 },
  { kind: 'garbage', probability: 0.05 },
  { kind: 'wrong_amount', probability: 0.05 },
  { kind: 'late', delay_ms: 1_100, probability: 0.05 },
  { kind: 'slow', delay_ms: 1_200, probability: 0.05 },
  { kind: 'rate_limited', probability: 0.02, retry_after: 0 },
  { kind: 'error', operation: 'inquire', probability: 0.15 },
  { kind: 'reset_after', operation: 'inquire', probability: 0.15 },
  { kind: 'garbage', operation: 'inquire', probability: 0.1 },
  { kind: 'reset_after', operation: 'void', probability: 0.2 },
  { kind: 'error', operation: 'void', probability: 0.1 },
];

const TOKENS = [
  'tok_visa',
  'tok_visa',
  'tok_visa',
  'tok_visa',
  'tok_decline_05',
  'tok_decline_51',
  'tok_partial_40',
  'tok_decline_hidden',
  'tok_3ds',
] as const;

let stage: FaultStage;

beforeAll(async () => {
  stage = await startStage(KINDS);
}, 60_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Looks at the ledger until it is stopped; every payment that stands twice at any moment is kept. */
class LedgerWatch {
  looks = 0;
  readonly twice = new Set<string>();
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);

  #look(): void {
    this.looks += 1;
    const standing = new Set<string>();
    for (const { merchant, merchant_reference: reference } of stage.sandbox.liveAuthorizations()) {
      const payment = `${merchant}/${reference}`;
      if (standing.has(payment)) this.twice.add(payment);
      standing.add(payment);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function payAll(random: SeededRandom): Promise<readonly Paid[]> {
  const jobs = Array.from({ length: PER_KIND * KINDS.length }, (_, index) => ({
    story: KINDS[index % KINDS.length]?.name ?? '',
    token: random.pick(TOKENS),
  }));
  const paid: Paid[] = [];
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      paid.push(await stage.pay(job.story, { token: job.token }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return paid;
}

const isUnsettled = ({ status }: AuthorizationView) => status === 'pending' || status === 'reversing';

/** Waits until only those are unsettled that nobody can tell of: they never arrived, and nobody can be asked. */
async function settledButUntold(): Promise<readonly AuthorizationView[]> {
  return eventually(
    'everything that can be found out is',
    async () => {
      const open = (await allAuthorizations(stage.gateway)).filter(isUnsettled);
      const untold = open.filter(
        ({ merchant, reference, status }) =>
          merchant === 'never-asked' && status === 'pending' && stage.books(reference).length === 0,
      );
      return untold.length === open.length ? untold : null;
    },
    {
      withinMs: 40_000,
      describe: () => stage.gateway.output.text().slice(-3_000),
    },
  );
}

/** Where an authorization contradicts the ledger, in words. */
function contradictionsOf(found: AuthorizationView): readonly string[] {
  const { id, status, reference, merchant } = found;
  const wrong: string[] = [];
  const books = stage.books(reference);
  const standing = books.filter(({ live }) => live);
  if (standing.length !== (status === 'approved' ? 1 : 0)) {
    wrong.push(`${id} is ${status}, ${standing.length} stand`);
  }
  if (status === 'approved' && standing[0]?.id !== found.provider_reference) {
    wrong.push(`${id} is approved as ${found.provider_reference}, ${standing[0]?.id} stands`);
  }
  for (const { reference: attempt, provider, asked } of books) {
    const known = found.attempts.find((each) => each.id === attempt);
    if (known?.provider !== provider) wrong.push(`${attempt} is at ${provider}, not ${known?.provider}`);
    if (NEVER_REPEATED.has(merchant) && asked > 1) wrong.push(`${attempt} was sent ${asked} times`);
  }
  const attempts = books.map((entry) => entry.reference);
  if (new Set(attempts).size !== attempts.length) wrong.push(`${id} was authorized anew under a key`);
  return wrong;
}

test(`T1-T12: ${PER_KIND * KINDS.length} payments at ${KINDS.length} kinds of providers (SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  await stage.sendWebhooks();
  for (const { name } of KINDS) {
    const event = { kind: 'webhook_late', delay_ms: EVENT_DELAY_MS, times: null } as const;
    const faults = FAULTS.filter(({ ambiguous }) => ambiguous !== true || !TOLD_BY_REPEATS.has(name));
    await stage.strike(name, event, ...faults.map((fault) => ({ ...fault, times: null })));
  }
  const watch = new LedgerWatch();
  const paid = await payAll(random);
  const { faults } = (await stage.sandbox.control('GET', '/faults')) as {
    readonly faults: readonly { readonly id: string; readonly kind: string; readonly applied: number }[];
  };
  const struck = faults.filter(({ kind }) => kind !== 'webhook_late');
  for (const { id } of struck) await stage.sandbox.removeFault(id);
  const untold = await settledButUntold();
  for (const { attempts } of untold) {
    const path = `/v1/attempts/${attempts.at(-1)?.id}/resolutions`;
    const body = { resolution: 'not_processed', evidence: "not in the provider's list of payments" };
    expect((await stage.gateway.call('POST', path, { body })).status).toBe(200);
  }
  watch.stop();

  const applied = struck.reduce((sum, fault) => sum + fault.applied, 0);
  expect(applied, 'faults that struck').toBeGreaterThan(paid.length / 3);
  expect(watch.looks).toBeGreaterThan(50);
  expect([...watch.twice]).toEqual([]);
  const all = await allAuthorizations(stage.gateway);
  expect(all).toHaveLength(paid.length);
  expect(all.filter(isUnsettled)).toEqual([]);
  expect(all.map(({ status }) => status)).toContain('failed');
  expect(all.flatMap(contradictionsOf)).toEqual([]);

  // What a caller was told for good is so.
  const byId = new Map(all.map((found) => [found.id, found]));
  const statuses = new Map<string, number>();
  for (const { answer } of paid) {
    const first = authorizationIn(answer);
    statuses.set(first.status, (statuses.get(first.status) ?? 0) + 1);
    if (answer.status === 201) expect(byId.get(first.id)?.status).toBe(first.status);
  }
  expect([...statuses.keys()]).toEqual(expect.arrayContaining(['approved', 'declined', 'pending']));
  expect(statuses.get('approved')).toBeGreaterThan(paid.length / 4);
  expect(statuses.get('pending')).toBeGreaterThan(paid.length / 20);
}, 90_000);
