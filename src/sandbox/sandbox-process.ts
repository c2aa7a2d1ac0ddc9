import { z } from 'zod';
import { startSandbox } from './sandbox-server.ts';

const port = z.int().min(0).max(65_535);

/** What the process is told, by its parent's first message or as JSON in its first argument. */
const settingsSchema = z.strictObject({
  providers: z.array(z.strictObject({ id: z.string().min(1), port })).min(1),
  controlPort: port,
  apiKey: z.string().min(1),
  host: z.string().optional(),
  seed: z.string().optional(),
  latencyMs: z.number().min(0).max(60_000).optional(),
  ledgerRowsMax: z.int().min(1).optional(),
});

/** What a parent sends to the sandbox process after it was forked. */
export type SandboxSettings = z.infer<typeof settingsSchema>;

/** What the sandbox process tells its parent, once. After `failed` it ends by itself with exit code 1. */
export type SandboxProcessMessage =
  | {
      readonly type: 'ready';
      readonly controlUrl: string;
      readonly providers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'failed'; readonly message: string };

const USAGE =
  'give the settings as JSON, such as ' +
  `'{"providers":[{"id":"sandbox-a","port":8091}],"controlPort":8090,"apiKey":"sandbox-key"}'`;

/** True when a parent holds the other end of a channel: then it decides how long we live. */
const hasParent = process.send !== undefined;

/** To the parent, or to the terminal when there is none. */
function tell(message: SandboxProcessMessage): Promise<void> {
  if (process.send === undefined) {
    const stream = message.type === 'ready' ? process.stdout : process.stderr;
    stream.write(`${message.type === 'ready' ? JSON.stringify(message) : `sandbox: ${message.message}`}\n`);
    return Promise.resolve();
  }
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function fail(message: string): Promise<never> {
  await tell({ type: 'failed', message });
  process.exit(1);
}

async function run(value: unknown): Promise<void> {
  const settings = settingsSchema.safeParse(value);
  if (!settings.success) return fail(`wrong settings: ${z.prettifyError(settings.error)}; ${USAGE}`);
  try {
    const { controlUrl, providers } = await startSandbox(withoutUndefined(settings.data));
    await tell({ type: 'ready', controlUrl, providers });
  } catch (error) {
    await fail(error instanceof Error ? error.message : String(error));
  }
}

function parseArgument(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    // Not JSON: the schema says what was expected.
    return text;
  }
}

/** Leaves fields without a value out, as exact optional properties want it. */
function withoutUndefined(settings: SandboxSettings): Parameters<typeof startSandbox>[0] {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as Parameters<typeof startSandbox>[0];
}

// Nothing here is worth a goodbye: the ledger lives in memory, and the ports are free once the process is
// gone.
if (hasParent) {
  // However the parent ended, kill -9 included, the channel closes.
  process.on('disconnect', () => process.exit(0));
  // Both may reach the whole group; the gateway still needs its providers while it drains.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
} else process.on('SIGTERM', () => process.exit(0));
if (process.argv[2] !== undefined) await run(parseArgument(process.argv[2]));
else if (hasParent) process.once('message', (settings) => void run(settings));
else await fail(`no settings; ${USAGE}`);
