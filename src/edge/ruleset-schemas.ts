import { z } from '@hono/zod-openapi';
import { ACTIVATION_CAUSES } from '../gateway/ports.ts';

const cause = z.enum(ACTIVATION_CAUSES).openapi({
  description:
    'folder: the rules folder held it. activation: a person chose it. rollback: a person went back. restored: the gateway ' +
    'went back, because what was activated may not stay.',
});
const by = z.string().openapi({ description: 'folder, gateway, or the account of a person.' });
const version = z.int().min(1);

/** Something wrong in a file of a ruleset. */
export const rulesetFaultSchema = z
  .strictObject({
    file: z.string(),
    line: z.int().min(1),
    column: z.int().min(1),
    what: z.string(),
    expected: z.string(),
    remedy: z.string(),
  })
  .openapi('RulesetFault', { description: 'What is wrong, where, what was expected, how to mend it.' });

const listedMembers = {
  version,
  content_hash: z.string(),
  registered_at: z.iso.datetime(),
  active: z.boolean(),
  active_since: z.iso.datetime().nullable().openapi({
    description: 'Of the last time that it was in force; null: never.',
  }),
  active_until: z.iso.datetime().nullable().openapi({ description: 'Null also while it is in force.' }),
  cause: cause.nullable(),
  by: by.nullable(),
  reason: z.string().nullable(),
};

const changesSchema = z
  .array(z.strictObject({ name: z.string(), change: z.enum(['added', 'removed', 'changed', 'moved']) }))
  .openapi('NamedChanges');

export const rulesetSchema = z
  .strictObject({
    ...listedMembers,
    files: z.record(z.string(), z.string()).openapi({
      description: 'Content by file name. They only refer to secrets; what looks like one is not shown.',
    }),
    compared: z
      .strictObject({
        active: version,
        files: z.array(z.string()),
        rules: changesSchema,
        providers: changesSchema,
        experiments: changesSchema,
      })
      .openapi({ description: 'What it has other than the one in force, by what the files say.' }),
  })
  .openapi('Ruleset');

export const rulesetPageSchema = z
  .strictObject({ data: z.array(z.strictObject(listedMembers)), next_cursor: z.string().nullable() })
  .openapi('RulesetPage');

export const activationPageSchema = z
  .strictObject({
    data: z.array(
      z.strictObject({
        sequence: z.int().min(1),
        version,
        content_hash: z.string(),
        at: z.iso.datetime(),
        until: z.iso.datetime().nullable(),
        cause,
        by,
        reason: z.string(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .openapi('RulesetActivationPage');

export const rulesetCheckSchema = z
  .strictObject({
    valid: z.boolean(),
    errors: z.array(rulesetFaultSchema),
    notes: z.array(z.string()).openapi({ description: 'What is good, and may still not be meant.' }),
  })
  .openapi('RulesetCheck');

export const releaseAnswerSchema = z
  .strictObject({
    version,
    content_hash: z.string(),
    active_since: z.iso.datetime(),
    cause,
    by,
    reason: z.string(),
    previous: version.nullable().openapi({ description: 'To which a rollback would go; null: to none.' }),
    changed: z.boolean().openapi({ description: 'False: it was in force already.' }),
  })
  .openapi('RulesetInForce');
