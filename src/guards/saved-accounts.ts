import { z } from 'zod';
import { CARD_BRANDS } from '../core/card.ts';

/** A lane that an account's own reports keep closed to it. */
const savedLaneSchema = z.strictObject({
  account: z.string(),
  provider: z.string(),
  brand: z.enum(CARD_BRANDS),
  /** How many times `reset_ms` of the lane pass before its next probe. */
  wait_resets: z.int().min(1),
  /** Since it opened, and since the last report of a failure, milliseconds. */
  open_for_ms: z.number().min(0),
  failed_ago_ms: z.number().min(0),
});
export type SavedLane = z.infer<typeof savedLaneSchema>;

/** How many outcomes an account has reported of a provider, in an arm or outside of all. */
const savedOutcomesSchema = z.strictObject({
  account: z.string(),
  provider: z.string(),
  scope: z.string(),
  count: z.number().min(0),
});
export type SavedOutcomes = z.infer<typeof savedOutcomesSchema>;

/** What is kept of accounts across restarts, beside what they teach of approval. */
export const savedAccountsSchema = z.strictObject({
  lanes: z.array(savedLaneSchema),
  outcomes: z.array(savedOutcomesSchema),
});
export type SavedAccounts = z.infer<typeof savedAccountsSchema>;
