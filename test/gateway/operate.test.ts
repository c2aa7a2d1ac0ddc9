import { describe, expect, it } from 'vitest';
import type { OperateResult } from '../../src/gateway/operate.ts';
import { GatewayWorld, idIn, type WorldOptions } from '../support/gateway-world.ts';
import type { OperationStep } from '../support/scripted-provider.ts';

async function approved(options: WorldOptions = {}) {
  const world = new GatewayWorld(options);
  const process = world.process();
  const id = idIn(await world.authorize(process));
  return { world, process, id };
}

const body = (result: OperateResult) =>
  result.kind === 'answered' ? (JSON.parse(result.body) as { status: string; code: string | null }) : null;

describe('captures, voids and refunds', () => {
  it('several captures, then several refunds, never more than there is', async () => {
    const { world, process, id } = await approved();
    const capture = (amount: number, key: string) =>
      world.operate(process, id, { kind: 'capture', amount }, key);
    const refund = (amount: number, key: string) =>
      world.operate(process, id, { kind: 'refund', amount }, key);
    expect(await capture(1_000, 'c1')).toMatchObject({ kind: 'answered', httpStatus: 201 });
    expect(await world.get(id)).toMatchObject({ status: 'partially_captured', capturedAmount: 1_000 });
    expect(await capture(4_000, 'c2')).toMatchObject({
      kind: 'refused',
      refusal: 'amount_too_large',
      leftAmount: 3_999,
    });
    expect(await capture(3_999, 'c2')).toMatchObject({ kind: 'answered' });
    expect(await world.get(id)).toMatchObject({ status: 'captured', capturedAmount: 4_999 });
    expect(await refund(999, 'r1')).toMatchObject({ kind: 'answered', httpStatus: 201 });
    expect(await refund(4_001, 'r2')).toMatchObject({ kind: 'refused', leftAmount: 4_000 });
    expect(await refund(4_000, 'r3')).toMatchObject({ kind: 'answered' });
    expect(await world.get(id)).toMatchObject({ status: 'refunded', refundedAmount: 4_999 });
    expect(world.live()).toMatchObject([{ captured: 4_999, refunded: 4_999 }]);
  });

  it('the same key gives the same answer, byte for byte; another body is refused', async () => {
    const { world, process, id } = await approved();
    const first = await world.operate(process, id, { kind: 'capture', amount: 1_000 });
    await world.operate(process, id, { kind: 'capture', amount: 500 }, 'op-2');
    const again = await world.operate(process, id, { kind: 'capture', amount: 1_000 });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await world.operate(process, id, { kind: 'capture', amount: 1_001 })).toMatchObject({
      kind: 'other_body',
    });
    expect(world.live()).toMatchObject([{ captured: 1_500 }]);
    // The same key for another operation is another key.
    expect(await world.operate(process, id, { kind: 'refund', amount: 100 })).toMatchObject({
      kind: 'answered',
    });
  });

  it('one key from many at once is carried out once', async () => {
    const { world, process, id } = await approved();
    const second = world.process();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        world.operate(index % 2 === 0 ? process : second, id, { kind: 'capture', amount: 1_000 }),
      ),
    );
    for (const result of results) expect(result.kind).toBe('answered');
    expect(world.live()).toMatchObject([{ captured: 1_000 }]);
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
  });

  it('many keys at once share what there is, and no more', async () => {
    const { world, process, id } = await approved();
    let keys = Array.from({ length: 10 }, (_, index) => `key-${index}`);
    let taken = 0;
    // One at a time: the others are told to come again, with the same keys.
    for (const left of [9, 8, 7, 0]) {
      const again: string[] = [];
      await Promise.all(
        keys.map(async (key) => {
          const result = await world.operate(process, id, { kind: 'capture', amount: 1_000 }, key);
          if (result.kind === 'answered') taken += 1;
          if (result.kind === 'refused' && result.refusal === 'being_carried_out') again.push(key);
        }),
      );
      expect(again).toHaveLength(left);
      keys = again;
    }
    expect(taken).toBe(4);
    expect(world.live()).toMatchObject([{ captured: 4_000 }]);
    expect(await world.get(id)).toMatchObject({ capturedAmount: 4_000 });
  });

  it.each(['capture', 'void', 'refund'] as const)('%s of others is not found', async (kind) => {
    const { world, process, id } = await approved();
    for (const over of [{ account: 'other' }, { covers: () => false }, { authorizationId: 'auth_nobody' }]) {
      expect(await world.operate(process, id, { kind, ...over })).toEqual({ kind: 'not_found' });
    }
    expect(world.live()).toMatchObject([{ captured: 0 }]);
  });

  it('another currency is refused before anything is written', async () => {
    const { world, process, id } = await approved();
    const wrong = { kind: 'capture', amount: 1, currency: 'USD' } as const;
    expect(await world.operate(process, id, wrong)).toMatchObject({
      kind: 'refused',
      refusal: 'currency_differs',
    });
    expect((await world.get(id)).operations).toEqual([]);
  });
});

describe('an operation without a clear answer', () => {
  const STEPS: readonly (readonly [OperationStep, 201 | 202])[] = [
    ['ok', 201],
    ['accept', 202],
    ['lose_processed', 202],
    ['lose_unprocessed', 202],
    ['reject', 202],
    ['not_sent', 202],
  ];
  const KINDS = ['capture', 'void', 'refund'] as const;
  it.each(KINDS.flatMap((kind) => STEPS.map(([step, httpStatus]) => [kind, step, httpStatus] as const)))(
    '%s, %s: %s, and done once in the end',
    async (kind, step, httpStatus) => {
      let steps: OperationStep[] = [];
      const { world, process, id } = await approved({
        provider: { operationStep: () => steps.shift() ?? 'ok' },
      });
      if (kind === 'refund') await world.operate(process, id, { kind: 'capture' }, 'first');
      steps = [step];
      const answer = await world.operate(process, id, { kind }, 'key');
      expect(answer).toMatchObject({ kind: 'answered', httpStatus, replayed: false });
      expect(body(answer)?.status).toBe(httpStatus === 201 ? 'succeeded' : 'pending');
      await world.pass(60_000, process);
      const status = { capture: 'captured', void: 'voided', refund: 'refunded' }[kind];
      expect((await world.get(id)).status).toBe(status);
      expect(world.providers.get('sandbox-a')?.carriedOut[kind]).toBe(1);
      const again = await world.operate(process, id, { kind }, 'key');
      expect(again).toMatchObject({ kind: 'answered', httpStatus: 201, replayed: true });
      expect(body(again)?.status).toBe('succeeded');
    },
  );

  it.each([
    ['a key under which the first answer is kept', { replay: 'same_answer' }, 5, 1],
    ['a key under which failures are not kept', { replay: 'success_only' }, 5, 0],
    ['no key at all', { replay: 'none' }, 5, 0],
    ['a key that may be forgotten', { replay: 'same_answer', keyLifetimeMs: 1_200 }, 5, 0],
    ['no key, once not found is evidence', { replay: 'none' }, 120, 1],
  ] as const)('is sent again when it is not found: %s', async (_, semantics, afterS, captures) => {
    const steps: OperationStep[] = ['lose_unprocessed'];
    const { world, process, id } = await approved({
      schedule: [1_000, 1_000, 5_000, 20_000, 60_000, 60_000],
      provider: {
        operationStep: () => steps.shift() ?? 'ok',
        semantics: { operationNotFoundAfterMs: 30_000, ...semantics },
      },
    });
    await world.operate(process, id, { kind: 'capture' }, 'c');
    await world.pass(afterS * 1_000, process);
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(captures);
    expect((await world.get(id)).status).toBe(captures === 1 ? 'captured' : 'approved');
  });

  it.each([
    ['never left us', ['not_sent', 'not_sent', 'not_sent']],
    ['was turned away', ['reject', 'reject', 'reject']],
    ['was turned away, and then never left us', ['reject', 'not_sent']],
  ] as const)(
    'that %s, is sent again where nothing else could free it, and each sending is recorded',
    async (_, given) => {
      const steps: OperationStep[] = [...given];
      const { world, process, id } = await approved({
        schedule: [1_000, 1_000],
        provider: {
          operationStep: () => steps.shift() ?? 'ok',
          semantics: { replay: 'success_only', operationNotFoundAfterMs: null },
        },
      });
      expect(await world.operate(process, id, { kind: 'capture' }, 'c')).toMatchObject({ httpStatus: 202 });
      await world.pass(30_000, process, world.process());
      expect((await world.get(id)).status).toBe('captured');
      expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
      const kinds = (await world.journal.history(id)).map(({ kind }) => kind).slice(2);
      const repeats = given.slice(1).flatMap(() => ['operation_sent_again', 'operation_not_processed']);
      const last = ['operation_sent_again', 'operation_ended'];
      expect(kinds).toEqual(['operation_begun', 'operation_not_processed', ...repeats, ...last]);
    },
  );

  it('that was lost after it was turned away, is not sent a third time', async () => {
    const steps: OperationStep[] = ['reject', 'lose_unprocessed'];
    const { world, process, id } = await approved({
      schedule: [1_000, 1_000],
      provider: {
        operationStep: () => steps.shift() ?? 'ok',
        semantics: { replay: 'success_only', operationNotFoundAfterMs: null },
      },
    });
    await world.operate(process, id, { kind: 'capture' }, 'c');
    await world.pass(600_000, process, world.process());
    expect((await world.get(id)).operations).toMatchObject([{ status: 'pending' }]);
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(0);
  });

  it('a capture under way keeps a void out until it is known, and the other way round', async () => {
    let steps: OperationStep[] = ['lose_processed'];
    const { world, process, id } = await approved({
      provider: { operationStep: () => steps.shift() ?? 'ok' },
    });
    await world.operate(process, id, { kind: 'capture' }, 'c');
    expect(await world.operate(process, id, { kind: 'void' }, 'v')).toMatchObject({
      refusal: 'capture_pending',
    });
    await world.pass(30_000, process);
    expect(await world.operate(process, id, { kind: 'void' }, 'v')).toMatchObject({
      refusal: 'already_captured',
    });

    const other = await approved({ provider: { operationStep: () => steps.shift() ?? 'ok' } });
    steps = ['lose_processed'];
    await other.world.operate(other.process, other.id, { kind: 'void' }, 'v');
    const capture = await other.world.operate(other.process, other.id, { kind: 'capture' }, 'c');
    expect(capture).toMatchObject({ refusal: 'being_voided' });
    await other.world.pass(30_000, other.process);
    expect((await other.world.get(other.id)).status).toBe('voided');
  });

  it.each([
    ['once it was watched for as long as that takes', 200_000, false],
    ['at once, when the next knows that it is dead', 30_000, true],
  ])(
    'a process that dies after the intent leaves it to the next, %s: it is done once',
    async (_, ms, knows) => {
      const { world, process, id } = await approved();
      const provider = world.providers.get('sandbox-a');
      if (provider === undefined) throw new Error('no provider');
      const really = provider.capture.bind(provider);
      provider.capture = () => new Promise(() => {});
      void world.operate(process, id, { kind: 'capture' }, 'c');
      await world.clock.advance(100);
      expect((await world.get(id)).operations).toMatchObject([{ status: 'pending' }]);
      provider.capture = really;
      const next = world.process();
      if (knows) expect(await world.journal.freeWork(next.deps.owner)).toBe(1);
      await world.pass(ms, next);
      expect((await world.get(id)).status).toBe('captured');
      expect(provider.carriedOut.capture).toBe(1);
    },
  );
});

describe('capture: automatic', () => {
  it('is captured within the request, and the answer says so', async () => {
    const world = new GatewayWorld();
    const process = world.process();
    const result = await world.authorize(process, { capture: 'automatic' });
    expect(result).toMatchObject({ kind: 'answered', httpStatus: 201 });
    const authorization = await world.get(idIn(result));
    expect(authorization).toMatchObject({
      status: 'captured',
      capturedAmount: 4_999,
      operations: [{ purpose: 'automatic_capture', status: 'succeeded', final: true }],
    });
    const kinds = (await world.journal.history(authorization.id)).map(({ kind }) => kind);
    expect(kinds).toEqual(['opened', 'operation_begun', 'concluded']);
  });

  it('a capture that got lost leaves an approval, and is found out', async () => {
    let steps: OperationStep[] = ['lose_processed'];
    const world = new GatewayWorld({ provider: { operationStep: () => steps.shift() ?? 'ok' } });
    const process = world.process();
    const result = await world.authorize(process, { capture: 'automatic' });
    expect(result).toMatchObject({ httpStatus: 201 });
    expect((await world.get(idIn(result))).status).toBe('approved');
    await world.pass(30_000, process);
    expect((await world.get(idIn(result))).status).toBe('captured');
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
    steps = [];
    const again = await world.authorize(process, { capture: 'automatic' });
    expect(again, 'the frozen answer').toMatchObject({ body: result.kind === 'answered' ? result.body : '' });
  });

  it('a capture that was turned away is sent again where nothing else could free it', async () => {
    const steps: OperationStep[] = ['reject'];
    const world = new GatewayWorld({
      provider: {
        operationStep: () => steps.shift() ?? 'ok',
        semantics: { replay: 'success_only', operationNotFoundAfterMs: null },
      },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process, { capture: 'automatic' }));
    expect((await world.get(id)).status).toBe('approved');
    await world.pass(30_000, process);
    expect((await world.get(id)).status).toBe('captured');
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
  });

  it('an approval that is found later is captured then', async () => {
    let waiting = true;
    const world = new GatewayWorld({
      script: { 'sandbox-a': ['hang_processed'] },
      provider: { inquiryStep: () => (waiting ? 'fail' : 'ok'), semantics: { replay: 'none' } },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process, { capture: 'automatic' }));
    expect((await world.get(id)).status).toBe('pending');
    waiting = false;
    await world.pass(60_000, process);
    expect((await world.get(id)).status).toBe('captured');
    expect(world.providers.get('sandbox-a')?.carriedOut.capture).toBe(1);
  });
});

describe('a void of a pending authorization', () => {
  it.each([
    ['pending_processed', 'voided', 'succeeded', null],
    ['pending_declined', 'declined', 'succeeded', 'nothing_to_void'],
    ['hang_unprocessed', 'failed', 'succeeded', 'nothing_to_void'],
  ] as const)('%s: accepted, and ends %s', async (step, status, voidStatus, code) => {
    const world = new GatewayWorld({
      script: { 'sandbox-a': [step] },
      provider: { semantics: { replay: 'none', cancelByReference: false } },
    });
    const process = world.process();
    const id = idIn(await world.authorize(process));
    const answer = await world.operate(process, id, { kind: 'void' }, 'v');
    expect(answer).toMatchObject({ kind: 'answered', httpStatus: 202 });
    expect(await world.operate(process, id, { kind: 'void' }, 'v2')).toMatchObject({
      refusal: 'being_voided',
    });
    await world.pass(120_000, process);
    expect(await world.get(id)).toMatchObject({ status, operations: [{ status: voidStatus, code }] });
    expect(world.live()).toEqual([]);
    expect(await world.operate(process, id, { kind: 'void' }, 'v')).toMatchObject({
      httpStatus: 201,
      replayed: true,
    });
  });

  it('while its road is open it stops failover, and undoes what is found', async () => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['approve'] }, latencyMs: 1_000 });
    const process = world.process();
    const road = world.begin(process);
    await world.clock.advance(100);
    const [open] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
      .data;
    const answer = await world.operate(world.process(), open?.id ?? '', { kind: 'void' }, 'v');
    expect(answer).toMatchObject({ kind: 'answered', httpStatus: 202 });
    await world.finish(road);
    await world.pass(30_000, process);
    expect((await world.get(open?.id ?? '')).status).toBe('voided');
    expect(world.live()).toEqual([]);
  });

  it('and nobody else is tried, although the outcome would permit it', async () => {
    const world = new GatewayWorld({ script: { 'sandbox-a': ['decline_soft'] }, latencyMs: 1_000 });
    const process = world.process();
    const road = world.begin(process);
    await world.clock.advance(100);
    const [open] = (await world.journal.listAuthorizations({ account: 'acme', merchants: 'all', limit: 1 }))
      .data;
    await world.operate(world.process(), open?.id ?? '', { kind: 'void' }, 'v');
    expect(await world.finish(road)).toMatchObject({ kind: 'answered', httpStatus: 201 });
    expect(await world.get(open?.id ?? '')).toMatchObject({
      status: 'declined',
      operations: [{ status: 'succeeded', code: 'nothing_to_void' }],
    });
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
  });
});

describe('a void while the road undoes what its last attempt came to', () => {
  it.each<[string, WorldOptions, string]>([
    ['a partial approval', { script: { 'sandbox-a': ['partial'] } }, 'voided'],
    [
      'an unknown attempt that it cancels',
      {
        script: { 'sandbox-a': ['unknown_processed'] },
        action: { afterUnknown: 'cancel_then_fail_over' },
        // Nothing is found out at once.
        provider: { inquiryStep: () => 'fail', semantics: { replay: 'none', cancelByReference: true } },
      },
      'failed',
    ],
  ])('stops the road: %s', async (_, options, status) => {
    const world = new GatewayWorld({ latencyMs: 200, ...options });
    const process = world.process();
    const answer = world.begin(process, { acceptPartial: false });
    const isUndoing = async () => {
      const { data } = await world.journal.listAuthorizations({
        account: 'acme',
        merchants: 'all',
        limit: 1,
      });
      return data[0]?.operations.some(({ kind }) => kind === 'void') === true ? data[0].id : null;
    };
    let id: string | null = null;
    for (let turns = 0; turns < 200 && id === null; turns += 1) {
      await world.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
      id = await isUndoing();
    }
    if (id === null) throw new Error('nothing is undone');
    const asked = await world.operate(process, id, { kind: 'void' });
    expect(body(asked)).toMatchObject({ status: 'succeeded', code: 'nothing_to_void' });
    await world.finish(answer);
    expect(await world.get(id)).toMatchObject({
      status,
      open: false,
      operations: [
        { status: 'succeeded', purpose: expect.not.stringMatching('requested') },
        { status: 'succeeded', purpose: 'requested' },
      ],
    });
    expect(world.providers.get('sandbox-a')?.carriedOut.void).toBe(1);
    expect(world.providers.get('sandbox-b')?.seen).toEqual([]);
    expect(world.live()).toEqual([]);
  });
});
