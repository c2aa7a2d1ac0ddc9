import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

// `npm --silent run alert-rules`: the groups of the PrometheusRule as a file of rules, for a Prometheus without the
// operator and for promtool.

const document: unknown = parse(readFileSync(new URL('base/prometheus-rule.yaml', import.meta.url), 'utf8'));
const spec = document !== null && typeof document === 'object' && 'spec' in document ? document.spec : null;
if (spec === null || typeof spec !== 'object' || !('groups' in spec)) {
  process.stderr.write('k8s/base/prometheus-rule.yaml holds no spec.groups: expected a PrometheusRule\n');
  process.exit(1);
}
process.stdout.write(stringify({ groups: spec.groups }, { lineWidth: 0 }));
