/**
 * What a run of 10,000 payments does at least, about a quarter of what it does as a rule: a simulation in which nothing
 * happened proves nothing.
 */
const LEAST_WORK = {
  payments: 10000,
  authorizations: 2500,
  authorizeCalls: 3800,
  approvedAnswers: 1700,
  negativeAnswers: 520,
  pendingAnswers: 750,
  // Seldom: of millions of payments a few.
  pendingUnread: 0,
  answersReplayed: 440,
  refusedInFlight: 340,
  refusedPaymentLive: 380,
  refusedOtherBody: 71,
  noRoute: 0,
  journalUnavailable: 140,
  failovers: 320,
  providerReplays: 380,
  captures: 2400,
  voids: 760,
  refunds: 860,
  operationAnswers: 1900,
  operationRefusals: 2100,
  captured: 530,
  voided: 430,
  refunded: 280,
  expired: 580,
  neverArrived: 83,
  answersLost: 160,
  arrivedLate: 81,
  slowAnswers: 94,
  serverErrors: 160,
  refusedConnections: 260,
  mismatches: 46,
  partialApprovals: 120,
  hiddenApprovals: 80,
  stepUps: 78,
  pendingOutcomes: 140,
  windowBreaches: 4,
  preparedNotRecorded: 9,
  unconfirmed: 14,
  unconfirmedCancelled: 14,
  cancelledRefused: 6,
  adapterThrows: 86,
  operationsLost: 370,
  operationsLate: 170,
  operationsRefused: 770,
  operationsAccepted: 310,
  operationsFailedLater: 40,
  inquiries: 5000,
  inquiriesFailed: 500,
  inquiriesLagging: 70,
  notices: 1600,
  noticesLost: 260,
  noticesRepeated: 200,
  outages: 4,
  providerSideVoids: 4,
  journalWritesFailed: 400,
  journalConfirmationsLost: 390,
  journalSlow: 570,
  journalLandsLate: 380,
  crashes: 21,
  clockJumps: 12,
  stoodStill: 40,
  sentAfterClosed: 5,
  heldAfterClosed: 2,
  askedAgain: 12,
  leasesEnded: 35,
  lateApprovals: 53,
  quarantined: 40,
  closedByPerson: 100,
  events: 11000,
} as const;
type What = keyof typeof LEAST_WORK;
export type Work = Record<What, number>;

const ALL = Object.keys(LEAST_WORK) as What[];

export function noWork(): Work {
  return Object.fromEntries(ALL.map((what) => [what, 0])) as Work;
}

export function addWork(total: Work, more: Work): void {
  for (const what of ALL) total[what] += more[what];
}

/** What was done less often than so many payments should have done it, in words. */
export function missingWork(work: Work, payments: number): readonly string[] {
  return ALL.flatMap((what) => {
    const least = Math.floor((LEAST_WORK[what] * payments) / 10_000);
    return work[what] < least ? [`${what}: ${work[what]} of at least ${least}`] : [];
  });
}
