import type { SchemeStop } from '../../gateway/ports.ts';
import type { SchemeCommand } from '../write-commands.ts';
import type { Statements } from './statements.ts';

// What callers were told to try themselves counts as attempts of our own do: the schemes see the same card.
const LATEST_BLOCK = `
  SELECT blocked_until_ms, block_reason FROM (
    SELECT blocked_until_ms, block_reason FROM attempts INDEXED BY attempts_blocking
      WHERE card_key = ?1 AND blocked_until_ms IS NOT NULL AND blocked_until_ms > ?2
    UNION ALL
    SELECT blocked_until_ms, block_reason FROM decision_attempts INDEXED BY decision_attempts_blocking
      WHERE card_key = ?1 AND blocked_until_ms IS NOT NULL AND blocked_until_ms > ?2)
  ORDER BY blocked_until_ms DESC LIMIT 1`;

// The attempt that has to leave the window before another may be made: the last one that the ceiling still allows,
// counted from the newest. There is none while there is room.
const LEAVES_FIRST = `
  SELECT at_ms FROM (
    SELECT t.started_at_ms AS at_ms FROM attempts AS t INDEXED BY attempts_by_card
        JOIN authorizations AS a ON a.sequence = t.authorization
      WHERE t.card_key = ?1 AND t.scheme_counts = 1 AND t.started_at_ms > ?2
        AND (?3 = 0 OR (a.amount = ?4 AND a.currency = ?5))
        AND (t.authorization <> ?6 OR t.number NOT IN (SELECT value FROM json_each(?7)))
    UNION ALL
    SELECT t.offered_at_ms FROM decision_attempts AS t INDEXED BY decision_attempts_by_card
        JOIN decisions AS d ON d.sequence = t.decision
      WHERE t.card_key = ?1 AND t.scheme_counts = 1 AND t.offered_at_ms > ?2
        AND (?3 = 0 OR (d.amount = ?4 AND d.currency = ?5))
        AND (t.decision <> ?9 OR t.number NOT IN (SELECT value FROM json_each(?7))))
  ORDER BY at_ms DESC LIMIT 1 OFFSET ?8`;

/**
 * Whether the card may be tried again at its merchant, in the transaction that would reserve the try. Of several
 * reasons against it the one that lasts longest is told.
 * @param sequence of the authorization whose attempts are leaving; 0 for a new one
 * @param decision the same for a decision
 */
export function schemeStop(
  statements: Statements,
  command: SchemeCommand,
  sequence: number,
  decision = 0,
): SchemeStop | null {
  const { cardKey, limits, nowMs, amount, currency } = command;
  const leaving = command.leaving.length === 0 ? '[]' : JSON.stringify(command.leaving);
  let stop = command.stop;
  const add = (reason: string, retryAtMs: number) => {
    if (stop === null || retryAtMs > stop.retryAtMs) stop = { reason, retryAtMs };
  };
  const block = statements.prepare(LATEST_BLOCK, true).get(cardKey, nowMs) as unknown as Block | undefined;
  if (block !== undefined) add(block[1], block[0]);
  for (const { name, windowMs, max, sameAmount } of limits) {
    if (max <= 0) {
      add(name, nowMs + windowMs);
      continue;
    }
    const found = statements
      .prepare(LEAVES_FIRST, true)
      .get(
        cardKey,
        nowMs - windowMs,
        sameAmount ? 1 : 0,
        amount,
        currency,
        sequence,
        leaving,
        max - 1,
        decision,
      ) as unknown as readonly [number] | undefined;
    if (found !== undefined) add(name, found[0] + windowMs);
  }
  return stop;
}

type Block = readonly [untilMs: number, reason: string];
