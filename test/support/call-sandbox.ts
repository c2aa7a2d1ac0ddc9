import type { TraitsBody } from '../../src/sandbox/traits.ts';
import type { SandboxControl } from './start-gateway.ts';

/** The key that the sandbox beside a gateway takes. */
const PROVIDER_KEY = 'sandbox-key';

/** Calls the control port of the sandbox beside a gateway; the test fails when it refuses. */
export async function callSandbox(
  { url }: Pick<SandboxControl, 'url'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

export async function setTraits(sandbox: Pick<SandboxControl, 'url'>, traits: TraitsBody): Promise<void> {
  await callSandbox(sandbox, 'PUT', '/traits', traits);
}

/**
 * Makes an authorization of a provider what it was not: a pending one authorized or declined, or, `overturn`, one that
 * was declined or voided authorized after all.
 * @param attemptId our reference there
 */
export async function settleAt(
  sandbox: Pick<SandboxControl, 'url'>,
  attemptId: string,
  how: 'authorized' | 'declined' | 'overturn',
): Promise<void> {
  const status = how === 'declined' ? 'declined' : 'authorized';
  const body = { reference: attemptId, status, overturn: how === 'overturn' };
  await callSandbox(sandbox, 'POST', '/settlements', body);
}

/** What somebody else does at a provider, past the gateway: a back office that captures or voids by hand. */
export async function operateAt(
  sandbox: Pick<SandboxControl, 'url'>,
  provider: string,
  authorizationId: string,
  operation: 'captures' | 'voids',
): Promise<void> {
  const { providers } = (await callSandbox(sandbox, 'GET', '/providers')) as {
    readonly providers: readonly { readonly id: string; readonly url: string }[];
  };
  const url = providers.find(({ id }) => id === provider)?.url;
  const response = await fetch(`${url}/v1/authorizations/${authorizationId}/${operation}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${PROVIDER_KEY}`,
      'idempotency-key': `by-hand-${operation}-${authorizationId}`.slice(0, 64),
    },
    body: '{}',
  });
  if (!response.ok) throw new Error(`${operation} by hand: ${response.status} ${await response.text()}`);
}
