import { z } from '@hono/zod-openapi';

/** Visible ASCII, no spaces: safe in headers, logs and at every provider. */
export const visibleAscii = (lengthMax: number) =>
  z
    .string()
    .min(1, `1 to ${lengthMax} visible ASCII characters`)
    .max(lengthMax, `1 to ${lengthMax} visible ASCII characters`)
    .regex(/^[\x21-\x7e]*$/, 'visible ASCII characters, without spaces');

/** Any script, but nothing that could end a line in a log or a header. */
export const plainText = (lengthMax: number, lengthMin = 1) =>
  z
    .string()
    .min(lengthMin, `${lengthMin} to ${lengthMax} characters`)
    .max(lengthMax, `${lengthMin} to ${lengthMax} characters`)
    .refine(
      (value) => !/\p{Cc}/u.test(value) && value.isWellFormed(),
      'well-formed text without control characters',
    );
