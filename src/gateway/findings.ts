import { isUnsettled } from '../core/attempt.ts';
import type { Authorization } from '../core/authorization.ts';
import { applyOperationEnd, applyOutcome, type Change, type RemarkOn } from '../core/lifecycle.ts';
import type { Finding } from './road.ts';

/**
 * The authorization with everything that was found out, in order. What is about an attempt or an operation that it does
 * not have is left out: after a failed write it is not known which state the journal is in.
 */
export function applyFindings(
  authorization: Authorization,
  findings: readonly Finding[],
  nowMs: number,
): Change {
  let current = authorization;
  let changed = false;
  const remarks: RemarkOn[] = [];
  for (const finding of findings) {
    if (!isAbout(current, finding) || isOvertaken(current, finding)) continue;
    const change =
      finding.about === 'attempt'
        ? applyOutcome(current, finding.number, finding.outcome, { ...finding, nowMs })
        : applyOperationEnd(current, finding.number, finding.end, { nowMs });
    current = change.authorization;
    changed ||= change.changed;
    remarks.push(...change.remarks);
  }
  return { authorization: current, remarks, changed };
}

function isAbout(authorization: Authorization, finding: Finding): boolean {
  const known = finding.about === 'attempt' ? authorization.attempts : authorization.operations;
  return known.some(({ number }) => number === finding.number);
}

/**
 * That a request was never sent, or not processed, says nothing once somebody else has taken its attempt up as unknown:
 * they may have sent it again, under the same key. Then what stands there is to be found out.
 */
function isOvertaken(authorization: Authorization, finding: Finding): boolean {
  if (finding.about !== 'attempt') return false;
  const { kind } = finding.outcome;
  const known = authorization.attempts.find(({ number }) => number === finding.number)?.outcome ?? null;
  return (kind === 'not_sent' || kind === 'rejected') && known !== null && isUnsettled(known);
}
