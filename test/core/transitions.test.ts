import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AUTHORIZATION_STATUSES, HOLDS_PAYMENT } from '../../src/core/authorization.ts';
import { mayFollow, TRANSITIONS } from '../../src/core/transitions.ts';

describe('states of an authorization', () => {
  it('each has its transitions, to others that exist', () => {
    expect(Object.keys(TRANSITIONS).toSorted()).toEqual(AUTHORIZATION_STATUSES.toSorted());
    for (const [from, next] of Object.entries(TRANSITIONS)) {
      for (const to of next) {
        expect(AUTHORIZATION_STATUSES).toContain(to);
        expect(to, from).not.toBe(from);
      }
      expect(new Set(next).size, from).toBe(next.length);
    }
  });

  it('what released its payment never takes it back: another may hold it by then', () => {
    for (const from of AUTHORIZATION_STATUSES) {
      if (HOLDS_PAYMENT[from]) continue;
      expect(TRANSITIONS[from], from).toEqual([]);
    }
  });

  it('staying is no transition, and everything else is asked of the table', () => {
    for (const from of AUTHORIZATION_STATUSES) {
      for (const to of AUTHORIZATION_STATUSES) {
        expect(mayFollow(from, to)).toBe(from === to || TRANSITIONS[from].includes(to));
      }
    }
  });

  it('the page of payments shows the same table', () => {
    const page = readFileSync(new URL('../../docs/payments.md', import.meta.url), 'utf8');
    const shown: Record<string, readonly string[]> = {};
    for (const line of page.split('\n')) {
      const [, from, to] = /^\| ((?:`[a-z_]+`(?:, )?)+) \| ((?:`[a-z_]+`(?:, )?)*) ?\|$/.exec(line) ?? [];
      const names = (text: string | undefined) =>
        [...(text ?? '').matchAll(/`([a-z_]+)`/g)].map(([, name]) => name ?? '');
      const states = names(from);
      if (!states.every((state) => (AUTHORIZATION_STATUSES as readonly string[]).includes(state))) continue;
      for (const state of states) shown[state] = names(to);
    }
    expect(shown).toEqual(TRANSITIONS);
  });

  it('every state can be reached from the first', () => {
    const reached = new Set(['pending']);
    for (const from of reached) {
      for (const to of TRANSITIONS[from as keyof typeof TRANSITIONS]) reached.add(to);
    }
    expect([...reached].toSorted()).toEqual(AUTHORIZATION_STATUSES.toSorted());
  });
});
