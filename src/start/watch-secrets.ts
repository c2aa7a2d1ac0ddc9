import { CredentialWatch } from '../config/credential-watch.ts';
import type { Parts } from './parts.ts';
import { clock, credentialSources } from './this-process.ts';

/** Time between two looks at secrets and endpoints, milliseconds: what is found counts at the second look. */
const LOOK_MS = 10_000;

/**
 * Looks at secrets and endpoints again and again, and at once on SIGHUP: whoever sends that says that they are at rest.
 * @returns ends it
 */
export function watchSecretsAndEndpoints(parts: Parts): () => void {
  const { log, metrics, observer, registry, rules, endpoints } = parts;
  const credentials = new CredentialWatch({
    files: () => rules.files(),
    credentials: credentialSources(),
    rotate: (provider, secrets) => registry.rotate(provider, secrets),
    onRotated(provider, names) {
      metrics.credentialsRotated(provider);
      log.info('credentials_rotated', { provider, credentials: names.join(',') });
    },
    onFailed: (provider, problem) =>
      observer.alert({
        kind: 'credential_rotation_failed',
        detail: `${provider} goes on with the secrets before: ${problem}`,
        authorizationId: null,
      }),
  });
  const look = () => {
    try {
      credentials.look();
      endpoints.look();
    } catch (error) {
      log.fault('look_failed', error);
    }
  };
  let cancel = () => {};
  const again = () => {
    cancel = clock.after(LOOK_MS, () => {
      look();
      again();
    });
  };
  const onHangUp = () => {
    look();
    look();
  };
  process.on('SIGHUP', onHangUp);
  again();
  return () => {
    cancel();
    process.off('SIGHUP', onHangUp);
  };
}
