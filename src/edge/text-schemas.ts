import { z } from '@hono/zod-openapi';

/** Visible ASCII, no spaces: safe in headers, logs and at every provider. One check, since most fields are these. */
export const visibleAscii = (lengthMax: number) =>
  z
    .string()
    .regex(
      new RegExp(`^[\\x21-\\x7e]{1,${lengthMax}}$`),
      `1 to ${lengthMax} visible ASCII characters, no spaces`,
    );

/** Any script, but nothing that could end a line in a log or a header. */
export const plainText = (lengthMax: number, lengthMin = 1) =>
  z
    .string()
    .refine(
      (value) =>
        value.length >= lengthMin &&
        value.length <= lengthMax &&
        !/\p{Cc}/u.test(value) &&
        value.isWellFormed(),
      `${lengthMin} to ${lengthMax} characters of well-formed text, without control characters`,
    )
    .openapi({ minLength: lengthMin, maxLength: lengthMax });
