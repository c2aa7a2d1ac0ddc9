import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

// `npm run --silent alert-rules -- wiki.example.org/pointsman/runbooks`: the groups of the PrometheusRule as a file of rules, for
// a Prometheus without the operator and for promtool. The argument is where the runbooks are read; left out, links stay as they
// are in the file.

const PLACEHOLDER = 'https://runbooks.example.com/';

const [place, ...more] = process.argv.slice(2);
if (more.length > 0 || (place !== undefined && !/^\w[\w.-]*(:\d+)?(\/[\w./~%-]*)?$/.test(place))) {
  process.stderr.write(
    'usage: npm run --silent alert-rules [-- <host/path of the runbooks>]\n' +
      'expected host and path without https://, such as wiki.example.org/pointsman/runbooks\n',
  );
  process.exit(2);
}
const text = readFileSync(new URL('base/prometheus-rule.yaml', import.meta.url), 'utf8');
const linked =
  place === undefined ? text : text.replaceAll(PLACEHOLDER, `https://${place.replace(/\/+$/, '')}/`);
const document: unknown = parse(linked);
const spec = document !== null && typeof document === 'object' && 'spec' in document ? document.spec : null;
if (spec === null || typeof spec !== 'object' || !('groups' in spec)) {
  process.stderr.write('k8s/base/prometheus-rule.yaml holds no spec.groups: expected a PrometheusRule\n');
  process.exit(1);
}
process.stdout.write(stringify({ groups: spec.groups }, { lineWidth: 0 }));
