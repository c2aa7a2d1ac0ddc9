import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenList, type OpenPlace } from '../../src/core/open-list.ts';

describe('OpenList', () => {
  it('holds exactly what came and did not go, whatever the order', () => {
    const steps = fc.array(fc.record({ add: fc.boolean(), pick: fc.nat(50) }), { maxLength: 120 });
    fc.assert(
      fc.property(steps, (all) => {
        const list = new OpenList<number>();
        const expected = new Map<number, OpenPlace<number>>();
        for (const [number, { add, pick }] of all.entries()) {
          const places = [...expected];
          const chosen = places[pick % Math.max(1, places.length)];
          if (add || chosen === undefined) expected.set(number, list.add(number));
          else {
            list.remove(chosen[1]);
            expected.delete(chosen[0]);
          }
          expect(list.size).toBe(expected.size);
          expect([...list.items()].sort((a, b) => a - b)).toEqual([...expected.keys()]);
        }
      }),
    );
  });

  it('takes nothing else out when a place is given back twice', () => {
    const list = new OpenList<string>();
    const first = list.add('first');
    list.add('second');
    list.remove(first);
    list.remove(first);
    expect(list.items()).toEqual(['second']);
  });

  it('lets items go while it is walked', () => {
    const list = new OpenList<{ readonly name: string }>();
    const places = ['a', 'b', 'c'].map((name) => list.add({ name }));
    const seen: string[] = [];
    for (const { name } of list.items()) {
      seen.push(name);
      for (const place of places) list.remove(place);
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(list.size).toBe(0);
  });
});
