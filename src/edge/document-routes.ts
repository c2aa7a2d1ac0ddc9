import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Hono } from 'hono';
import type { EdgeDeps } from './edge-deps.ts';
import type { EdgeEnv } from './endpoint.ts';
import { openApiDocument } from './openapi-document.ts';
import { PLACES } from './places.ts';
import { PROBLEMS } from './problems.ts';

/** Files of the reference page, from the package that is installed: nothing is fetched from elsewhere. */
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const;

/** Styles are inline in the page's own widgets; everything else comes from this server. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pointsman: HTTP interface</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"><noscript>The description of the interface is at /openapi.json.</noscript></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START =
  "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });\n";

/** The description of the interface, as a document and as a page that works offline. */
export function documentRoutes(app: Hono<EdgeEnv>, deps: EdgeDeps): void {
  app.get('/', () => file(JSON.stringify(PLACES), 'application/json'));
  // Made when somebody asks: every start would pay for it.
  let document: string | null = null;
  app.get('/openapi.json', () => {
    document ??= JSON.stringify(openApiDocument(deps.version));
    return file(document, 'application/json');
  });
  app.get('/docs', () => file(PAGE, 'text/html; charset=utf-8'));
  app.get('/docs/start.js', () => file(START, 'text/javascript; charset=utf-8'));
  const { resolve } = createRequire(import.meta.url);
  for (const [name, type] of Object.entries(ASSETS)) {
    app.get(`/docs/${name}`, async () => file(await readFile(resolve(`swagger-ui-dist/${name}`)), type));
  }
  // The types of our problems are relative references: they lead here.
  for (const [name, kind] of Object.entries(PROBLEMS)) {
    const entry = JSON.stringify({ type: `/problems/${name}`, ...kind });
    app.get(`/problems/${name}`, () => file(entry, 'application/json'));
  }
}

function file(content: string | Uint8Array<ArrayBuffer>, type: string): Response {
  return new Response(content, {
    status: 200,
    headers: {
      'Content-Type': type,
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'X-Content-Type-Options': 'nosniff',
    },
  });
}
