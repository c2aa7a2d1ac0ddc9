import { z } from '@hono/zod-openapi';

/** What a bare look at this server is told: paths that need no key. */
export const PLACES = {
  service: 'pointsman',
  docs: '/docs',
  openapi: '/openapi.json',
  health: '/healthz',
  readiness: '/readyz',
  metrics: '/metrics',
} as const;

const path = z.string().regex(/^\//);

export const placesSchema = z.strictObject({
  service: z.literal('pointsman'),
  docs: path,
  openapi: path,
  health: path,
  readiness: path,
  metrics: path,
});
