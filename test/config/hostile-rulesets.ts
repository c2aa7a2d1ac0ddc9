import { providersYaml } from '../support/gateway-files.ts';

/** Files that take much of whoever checks them for their size. */
export interface HostileFiles {
  readonly name: string;
  /** @param size how many there are of what makes them dear */
  readonly files: (size: number) => Readonly<Record<string, string>>;
}

const PROVIDERS = providersYaml([{ id: 'sandbox-a' }]);

/** @param count of items */
function list(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(',');
}

const rules = (text: string) => ({ 'providers.yaml': PROVIDERS, 'rules.yaml': `rules: [${text}]` });
const rule = (name: string, when: string) => `{name: ${name},then: {},when: ${when}}`;

/** Rules of which one asks many things about one field, and the one before it as many others, that it may be shadowed by. */
function manyAsked(size: number) {
  const asked = list(size, (index) => `{field: merchant,none_of: [a${index}]}`);
  const other = list(size, (index) => `{field: merchant,one_of: [b${index}]}`);
  return rules(`${rule('a', `{any: [${other}]}`)},${rule('b', `{all: [${asked}]}`)}`);
}

/** A long list beside many parts that leave it as it is. */
function longList(size: number) {
  const words = list(size * 10, (index) => `w${index}`);
  const others = list(size, () => '{field: merchant,none_of: [z]}');
  return rules(rule('a', `{all: [{field: merchant,one_of: [${words}]},{any: [${others}]}]}`));
}

/** Arms that reach no provider but the last, under many rules. */
function armsUnderRules(size: number) {
  const providers = Array.from({ length: Math.floor(size / 5) }, (_, index) => ({ id: `p${index}` }));
  const last = `p${providers.length - 1}`;
  const arm = (index: number) =>
    `{arm: ${index === 0 ? 'control' : `a${index}`},weight: 1,then: {priority: [${last}]}}`;
  const experiment = (index: number) =>
    `{id: e${index},status: running,seed: s${index},arms: [${list(10, arm)}]}`;
  return {
    ...rules(list(size, (index) => rule(`r${index}`, `{field: merchant,is: m${index}}`))),
    'providers.yaml': providersYaml(providers),
    'experiments.yaml': `experiments: [${list(Math.floor(size / 5), experiment)}]`,
  };
}

/** Files whose check took time that grew with the square of their size, or worse. */
export const HOSTILE_RULESETS: readonly HostileFiles[] = [
  { name: 'many questions about one field', files: manyAsked },
  { name: 'a long list beside many conditions', files: longList },
  { name: 'arms under many rules', files: armsUnderRules },
];
