import { writeFileSync } from 'node:fs';
import { jsonSchemas } from '../config/json-schemas.ts';

// `npm run schemas`: writes routing-rules/schema/*.json from the schemas that the gateway checks with: run it after changing them.
for (const [name, content] of jsonSchemas()) {
  const file = new URL(`../../routing-rules/schema/${name}`, import.meta.url);
  writeFileSync(file, content);
  console.log(`wrote routing-rules/schema/${name}`);
}
