import { isRecord, itemsOf } from './check-shape.ts';
import type { RulesetError } from './ruleset-error.ts';
import { PROVIDERS_MAX } from './ruleset-schemas.ts';
import { readYamlFile } from './yaml-file.ts';

type Words = Pick<RulesetError, 'what' | 'expected' | 'remedy'>;

/** Puts something at a member of a provider. */
export type WhereIs = (provider: string, member: string, words: Words) => RulesetError;

/** Finds providers in the text of `providers.yaml`. What cannot be found stands at its beginning. */
export function providerPlaces(text: string): WhereIs {
  const yaml = readYamlFile('providers.yaml', text);
  if (yaml.kind === 'refused') return (_provider, _member, words) => nowhere(words);
  const ids = itemsOf(yaml.file.value, 'providers', PROVIDERS_MAX).map((item) =>
    isRecord(item) ? item['id'] : null,
  );
  return (provider, member, words) =>
    yaml.file.locate({ path: ['providers', ids.indexOf(provider), member], ...words });
}

function nowhere(words: Words): RulesetError {
  return { file: 'providers.yaml', line: 1, column: 1, ...words };
}
