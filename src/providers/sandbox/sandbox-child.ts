import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ProviderSetupError } from '../provider-setup-error.ts';

/** The sandbox PSP as a child process: it ends with us, however we end. */
export interface SandboxChild {
  /** Where faults, worlds and the ledger are. */
  readonly controlUrl: string;
  /** Base URL of each simulated provider. */
  readonly providers: ReadonlyMap<string, string>;
  /** From now on its end is no news: the gateway is about to end too. */
  mayEnd(): void;
  close(): void;
}

interface Ready {
  readonly type: 'ready';
  readonly controlUrl: string;
  readonly providers: Readonly<Record<string, string>>;
}

/**
 * Starts the sandbox beside the gateway. Its control port is `controlPort`, and each simulated provider listens on
 * one of the ports after it, in order; with 0 all of them take free ports.
 * @param onExit told when the sandbox ended without having been closed
 * @throws ProviderSetupError when it cannot start, such as for a port that is taken
 */
export async function startSandboxChild(
  providers: readonly string[],
  controlPort: number,
  onExit: (code: number | null) => void,
): Promise<SandboxChild> {
  const child = fork(fileURLToPath(new URL('../../sandbox/sandbox-process.ts', import.meta.url)), [], {
    // Flags of the parent, such as an inspector's port, are not the child's.
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let mayEnd = false;
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.once('message', (message: Ready | { readonly type: 'failed'; readonly message: string }) => {
      if (message.type === 'ready') resolve(message);
      else reject(new ProviderSetupError(message.message));
    });
    let hasLeft = false;
    // Kept: one that could not be started tells of its channel as well, and an error that nobody hears ends the process.
    child.on('error', (error) =>
      reject(new ProviderSetupError(`the sandbox did not start: ${error.message}`)),
    );
    child.once('disconnect', () => {
      hasLeft = child.kill();
    });
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
      const problem = hasLeft && signal === 'SIGTERM' ? 'closed its channel' : how;
      reject(new ProviderSetupError(`the sandbox ${problem} while it started`));
    });
    const settings = {
      providers: providers.map((id, index) => ({
        id,
        port: controlPort === 0 ? 0 : controlPort + 1 + index,
      })),
      controlPort,
      apiKey: 'sandbox-key',
    };
    // That it does not arrive is told by how the child ends, which says more.
    child.send(settings, () => {});
  });
  child.removeAllListeners('disconnect');
  child.on('exit', (code) => {
    if (!mayEnd) onExit(code);
  });
  return {
    controlUrl: ready.controlUrl,
    providers: new Map(Object.entries(ready.providers)),
    mayEnd() {
      mayEnd = true;
    },
    close() {
      mayEnd = true;
      if (child.connected) child.disconnect();
    },
  };
}
