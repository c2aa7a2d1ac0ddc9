import { isRecord, itemsOf } from './check-shape.ts';
import type { RulesetError } from './ruleset-error.ts';
import { PROVIDERS_MAX } from './ruleset-schemas.ts';
import { readYamlFile, type YamlFile } from './yaml-file.ts';

type Words = Pick<RulesetError, 'what' | 'expected' | 'remedy'>;
type Place = Pick<RulesetError, 'line' | 'column'>;

/** Members about which something may be wrong that only a process can tell. */
const MEMBERS = ['adapter', 'base_url', 'fees'] as const;
type Member = (typeof MEMBERS)[number];

/** Where providers stand in `providers.yaml`: plain values, which another thread may have found. */
export interface ProviderPlaces {
  /** Of the list of providers. */
  readonly list: Place;
  /** By id. Of a member that is left out: where its provider stands. */
  readonly members: ReadonlyMap<string, Readonly<Record<Member, Place>>>;
}

/** Where nothing can be found. */
export const NO_PLACES: ProviderPlaces = { list: { line: 1, column: 1 }, members: new Map() };

export function placesOf(file: YamlFile): ProviderPlaces {
  const members = new Map<string, Readonly<Record<Member, Place>>>();
  for (const [index, item] of itemsOf(file.value, 'providers', PROVIDERS_MAX).entries()) {
    const id = isRecord(item) ? item['id'] : null;
    if (typeof id !== 'string' || members.has(id)) continue;
    const at = (member: Member) => file.placeOf(['providers', index, member]);
    members.set(id, { adapter: at('adapter'), base_url: at('base_url'), fees: at('fees') });
  }
  return { list: file.placeOf(['providers']), members };
}

/** Puts something at a member of a provider. */
export type WhereIs = (provider: string, member: Member, words: Words) => RulesetError;

/** What stands nowhere is put at the list. */
export function whereIsIn({ list, members }: ProviderPlaces): WhereIs {
  return (provider, member, words) => ({
    file: 'providers.yaml',
    ...(members.get(provider)?.[member] ?? list),
    ...words,
  });
}

/** Finds providers in the text of `providers.yaml`. What cannot be found stands at its beginning. */
export function providerPlaces(text: string): WhereIs {
  const yaml = readYamlFile('providers.yaml', text);
  return whereIsIn(yaml.kind === 'refused' ? NO_PLACES : placesOf(yaml.file));
}
