import { parser } from '@prometheus-io/lezer-promql';
import { busyScrape, seriesOf } from './busy-scrape.ts';

/** One selector of a query. */
interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

/** What a query selects, and where it cannot be parsed. */
interface ReadQuery {
  readonly selectors: readonly Selector[];
  readonly errors: readonly string[];
}

/** Labels that a scrape adds, by whom it is. */
const OF_THE_TARGET = new Set(['namespace', 'job', 'pod', 'instance']);
/** Labels whose values are somebody's own names, or numbers of buckets. */
const FREE = new Set([
  'provider',
  'endpoint',
  'experiment',
  'arm',
  'rule',
  'from',
  'to',
  'le',
  'code',
  'version',
]);

/** Parses a query by the grammar of Prometheus's own editor. */
export function readQuery(query: string): ReadQuery {
  const selectors: Selector[] = [];
  const errors: string[] = [];
  parser.parse(query).iterate({
    enter({ name, type, from, to, node }) {
      if (type.isError) {
        errors.push(
          `at ${from}: ${query.slice(Math.max(0, from - 30), from)} <here> ${query.slice(from, from + 30)}`,
        );
      }
      if (name !== 'VectorSelector') return;
      const identifier = node.getChild('Identifier');
      const matchers = [...query.slice(from, to).matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)];
      selectors.push({
        metric: identifier === null ? '' : query.slice(identifier.from, identifier.to),
        matchers: matchers.map(([, label = '', operator = '', value = '']) => ({ label, operator, value })),
      });
    },
  });
  return { selectors, errors };
}

/**
 * What of a query can never select anything: names of metrics and labels that no scrape has, values that no label takes.
 * @param recorded names of recording rules
 * @returns one line each; empty: the query reads what exists
 */
export async function problemsOf(query: string, recorded: ReadonlySet<string>): Promise<readonly string[]> {
  const { selectors, errors } = readQuery(query);
  const problems = [...errors];
  if (selectors.length === 0) problems.push('it selects nothing: expected a metric');
  const known = await knownLabels();
  for (const { metric, matchers } of selectors) {
    if (recorded.has(metric)) continue;
    const labels = known.get(metric);
    if (labels === undefined) {
      problems.push(`${metric} is no metric of the gateway`);
      continue;
    }
    for (const { label, operator, value } of matchers) {
      if (OF_THE_TARGET.has(label)) continue;
      const values = labels.get(label);
      if (values === undefined) problems.push(`${metric} has no label ${label}`);
      else if (!FREE.has(label) && operator.includes('=')) {
        for (const one of operator === '=~' ? value.split('|') : [value]) {
          const isPattern = operator === '=~' && !/^\w+$/.test(one);
          const found = isPattern
            ? [...values].some((taken) => new RegExp(`^(?:${one})$`).test(taken))
            : values.has(one);
          if (!found) problems.push(`${metric}: ${label} is never ${one}`);
        }
      }
    }
  }
  return problems;
}

let labelsByMetric: Promise<ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>> | null = null;

function knownLabels() {
  labelsByMetric ??= readLabels();
  return labelsByMetric;
}

async function readLabels(): Promise<ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>> {
  const all = new Map<string, Map<string, Set<string>>>();
  for (const { name, labels } of seriesOf(await busyScrape(3))) {
    const of = all.get(name) ?? new Map<string, Set<string>>();
    all.set(name, of);
    for (const [label, value] of labels) {
      const values = of.get(label) ?? new Set<string>();
      of.set(label, values.add(value));
    }
  }
  return all;
}

/** Every name in the scrape of a gateway that has met everything. */
export async function knownNames(): Promise<ReadonlySet<string>> {
  return new Set((await knownLabels()).keys());
}
