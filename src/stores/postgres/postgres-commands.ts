import { randomBytes } from 'node:crypto';
import { invariant } from '../../core/invariant.ts';
import type { Clock, HeldBack } from '../../gateway/ports.ts';
import type { CommandArguments, CommandName, CommandReply } from '../journal-commands.ts';
import { EventHorizon } from './event-horizon.ts';
import { PostgresDecisions } from './postgres-decisions.ts';
import { PostgresDeliveries } from './postgres-deliveries.ts';
import { PostgresExperiments } from './postgres-experiments.ts';
import { PostgresNotices } from './postgres-notices.ts';
import { PostgresPurge } from './postgres-purge.ts';
import { PostgresReads } from './postgres-reads.ts';
import { PostgresRulesets } from './postgres-rulesets.ts';
import { PostgresSeals } from './postgres-seals.ts';
import { PostgresWork } from './postgres-work.ts';
import type { PostgresWrites } from './postgres-writes.ts';
import type { TransactionalQueries } from './queries.ts';

/** What Postgres does for the journal, one method each. */
export type PostgresCommands = {
  readonly [K in CommandName]: (...args: CommandArguments<K>) => Promise<CommandReply<K>>;
};

const SECRET_BYTES = 32;
const SECRET_NAME = 'keyed_hashes';

const SQL = {
  insertSecret: 'INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
  findSecret: 'SELECT value FROM secrets WHERE name = $1',
  // As the inserts of a payment lock them: behind a lock of somebody else it fails as they do.
  lockAsPayments: 'LOCK TABLE authorizations, attempts, claims, events, work IN ROW EXCLUSIVE MODE',
  ping: 'UPDATE pings SET count = count + 1 WHERE id = 1',
} as const;

/**
 * @param queries not on the connections that the writes are on: what is looked at must not wait for them, nor they for it
 * @param onHeldBack told while events are held back, and null once they are not
 */
export function postgresCommands(
  queries: TransactionalQueries,
  writes: PostgresWrites,
  clock: Clock,
  onHeldBack: (held: HeldBack | null) => void,
): PostgresCommands {
  const horizon = new EventHorizon('events', queries, clock, onHeldBack);
  const recorded = new EventHorizon('authorizations', queries, clock);
  const settledThrough = () => horizon.settledThrough();
  return {
    ...writeCommands(writes),
    ...readCommands(new PostgresReads(queries, (through) => recorded.settle(through))),
    ...workCommands(new PostgresWork(queries), new PostgresDeliveries(queries, settledThrough)),
    ...decisionCommands(new PostgresDecisions(queries)),
    ...noticeCommands(new PostgresNotices(queries)),
    ...rulesetCommands(new PostgresRulesets(queries)),
    ...experimentCommands(new PostgresExperiments(queries)),
    ...keepingCommands(queries, new PostgresSeals(queries, settledThrough), new PostgresPurge(queries)),
  };
}

type Commands<K extends CommandName> = Pick<PostgresCommands, K>;

function writeCommands(
  writes: PostgresWrites,
): Commands<'open' | 'advance' | 'openDecision' | 'advanceDecision'> {
  return {
    open: (command) => writes.write('open', command),
    advance: (command) => writes.write('advance', command),
    openDecision: (command) => writes.write('openDecision', command),
    advanceDecision: (command) => writes.write('advanceDecision', command),
  };
}

type ReadNames =
  | 'findClaim'
  | 'findAuthorization'
  | 'listAuthorizations'
  | 'history'
  | 'historyPage'
  | 'listLapsed'
  | 'listExpired'
  | 'countWork'
  | 'countUnsettled'
  | 'hasOpenMoney'
  | 'findAttemptByReference'
  | 'isReferenceElsewhere'
  | 'recordedPage';

function readCommands(reads: PostgresReads): Commands<ReadNames> {
  return {
    findClaim: (scope) => reads.findClaim(scope),
    findAuthorization: (id) => reads.findAuthorization(id),
    listAuthorizations: (query) => reads.listAuthorizations(query),
    history: (id) => reads.history(id),
    historyPage: (id, after, limit) => reads.historyPage(id, after, limit),
    listLapsed: (nowMs, limit) => reads.listLapsed(nowMs, limit),
    listExpired: (nowMs, limit) => reads.listExpired(nowMs, limit),
    countWork: (nowMs) => reads.countWork(nowMs),
    countUnsettled: () => reads.countUnsettled(),
    hasOpenMoney: (provider) => reads.hasOpenMoney(provider),
    findAttemptByReference: (provider, reference) => reads.findAttemptByReference(provider, reference),
    isReferenceElsewhere: (...values) => reads.isReferenceElsewhere(...values),
    recordedPage: (range, after, limit) => reads.recordedPage(range, after, limit),
  };
}

type WorkNames =
  | 'freeWork'
  | 'takeWork'
  | 'postponeWork'
  | 'holdWork'
  | 'listHeldWork'
  | 'takeOverWork'
  | 'takeDuty'
  | 'makeDeliveries'
  | 'takeDeliveries'
  | 'settleDelivery'
  | 'listDeliveries'
  | 'replayDelivery'
  | 'countDeliveries'
  | 'purgeDeliveries';

function workCommands(work: PostgresWork, deliveries: PostgresDeliveries): Commands<WorkNames> {
  return {
    freeWork: async (owner) => (await work.free(owner)) + (await deliveries.free(owner)),
    takeWork: (...values) => work.take(...values),
    postponeWork: (id, owner, plan) => work.postpone(id, owner, plan),
    holdWork: (...values) => work.hold(...values),
    listHeldWork: (nowMs, limit) => work.listHeld(nowMs, limit),
    takeOverWork: (...values) => work.takeOver(...values),
    takeDuty: (...values) => work.takeDuty(...values),
    makeDeliveries: (subscription, nowMs, limit) => deliveries.make(subscription, nowMs, limit),
    takeDeliveries: (...values) => deliveries.take(...values),
    settleDelivery: (id, owner, values) => deliveries.settle(id, owner, values),
    listDeliveries: (query) => deliveries.list(query),
    replayDelivery: (...values) => deliveries.replay(...values),
    countDeliveries: () => deliveries.counts(),
    purgeDeliveries: (beforeMs, limit) => deliveries.purge(beforeMs, limit),
  };
}

type DecisionNames =
  | 'findDecision'
  | 'readDecision'
  | 'listDecisions'
  | 'findDecisionClaim'
  | 'countUnreported'
  | 'purgeDecisions';

function decisionCommands(decisions: PostgresDecisions): Commands<DecisionNames> {
  return {
    findDecision: (id) => decisions.find(id),
    readDecision: (id) => decisions.read(id),
    listDecisions: (payment, before, limit) => decisions.list(payment, before, limit),
    findDecisionClaim: (claim) => decisions.findClaim(claim),
    countUnreported: (expiredBeforeMs, limit) => decisions.countUnreported(expiredBeforeMs, limit),
    purgeDecisions: (beforeMs, limit) => decisions.purge(beforeMs, limit),
  };
}

function noticeCommands(
  notices: PostgresNotices,
): Commands<'keepNotice' | 'openNotices' | 'settleNotice' | 'saveOverride' | 'listOverrides'> {
  return {
    keepNotice: (notice) => notices.keep(notice),
    openNotices: (limit) => notices.open(limit),
    settleNotice: (sequence, result) => notices.settle(sequence, result),
    saveOverride: (override) => notices.saveOverride(override),
    listOverrides: () => notices.listOverrides(),
  };
}

type RulesetNames =
  | 'registerRuleset'
  | 'findRuleset'
  | 'activeRuleset'
  | 'activateRuleset'
  | 'listRulesets'
  | 'listRulesetActivations';

function rulesetCommands(rulesets: PostgresRulesets): Commands<RulesetNames> {
  return {
    registerRuleset: (contentHash, files, atMs) => rulesets.register(contentHash, files, atMs),
    findRuleset: (version) => rulesets.find(version),
    activeRuleset: () => rulesets.active(),
    activateRuleset: (command) => rulesets.activate(command),
    listRulesets: (before, limit) => rulesets.list(before, limit),
    listRulesetActivations: (before, limit) => rulesets.activations(before, limit),
  };
}

type ExperimentNames =
  | 'exposurePage'
  | 'armOfUnit'
  | 'experimentPhases'
  | 'saveArmState'
  | 'listArmStates'
  | 'saveExperimentLook'
  | 'listExperimentLooks'
  | 'saveBanditShares'
  | 'listBanditShares';

function experimentCommands(experiments: PostgresExperiments): Commands<ExperimentNames> {
  return {
    exposurePage: (experiment, after, limit) => experiments.page(experiment, after, limit),
    armOfUnit: (experiment, unit) => experiments.armOfUnit(experiment, unit),
    experimentPhases: (experiment) => experiments.phases(experiment),
    saveArmState: (state) => experiments.saveState(state),
    listArmStates: () => experiments.states(),
    saveExperimentLook: (experiment, look) => experiments.saveLook(experiment, look),
    listExperimentLooks: (experiment) => experiments.looks(experiment),
    saveBanditShares: (shares) => experiments.saveShares(shares),
    listBanditShares: () => experiments.shares(),
  };
}

function keepingCommands(
  queries: TransactionalQueries,
  seals: PostgresSeals,
  purge: PostgresPurge,
): Commands<'seal' | 'oldestUnsealed' | 'purge' | 'secret' | 'ping'> {
  return {
    seal: (nowMs, limit) => seals.seal(nowMs, limit),
    oldestUnsealed: () => seals.oldestUnsealed(),
    purge: (beforeMs, limit, refundableBeforeMs) => purge.purge(beforeMs, limit, refundableBeforeMs),
    // Of several that make one at once, all get the first.
    async secret() {
      const find = () =>
        queries.one<{ readonly value: Uint8Array }>('find_secret', SQL.findSecret, [SECRET_NAME]);
      let found = await find();
      if (found === null) {
        await queries.run('insert_secret', SQL.insertSecret, [SECRET_NAME, randomBytes(SECRET_BYTES)]);
        found = await find();
      }
      invariant(found !== null, 'a secret that was made is there');
      return new Uint8Array(found.value);
    },
    ping: () =>
      queries.transaction(async (transaction) => {
        await transaction.run('lock_as_payments', SQL.lockAsPayments, []);
        await transaction.run('ping', SQL.ping, []);
      }),
  };
}
