import type { CardDetails } from '../authorization.ts';

/** What names a card across tokens, the strongest that is known. */
export interface CardIdentity {
  readonly kind: 'account_reference' | 'card_id' | 'token';
  readonly value: string;
}

/**
 * The card's identity for the schemes' ceilings: the payment account reference, else the caller's own id, else its
 * tokens with the BIN. The schemes see the same card behind every token (payments reference, invariant 17).
 */
export function cardIdentity(card: CardDetails): CardIdentity {
  if (card.accountReference !== null) return { kind: 'account_reference', value: card.accountReference };
  if (card.id !== null) return { kind: 'card_id', value: card.id };
  return { kind: 'token', value: JSON.stringify([card.bin, ...distinctTokens(card)]) };
}

/** Whether several tokens are given and nothing says that they are one card: the ceilings could be passed by. */
export function hasSeveralTokensOnly(card: CardDetails): boolean {
  return card.accountReference === null && card.id === null && distinctTokens(card).length > 1;
}

function distinctTokens(card: CardDetails): readonly string[] {
  const tokens = new Set(Object.values(card.tokens));
  if (card.token !== null) tokens.add(card.token);
  return [...tokens].sort();
}
