import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Clock } from '../../gateway/ports.ts';
import { createTransport, type Transport } from '../transport.ts';

/** A key that PayPal signs its messages with, or why there is none. */
export type SigningKey =
  | { readonly kind: 'key'; readonly key: KeyObject }
  /** The address is none of PayPal's: whoever signed it could have named any. */
  | { readonly kind: 'refused' }
  /** It could not be had, or is not what it should be. */
  | { readonly kind: 'unverifiable'; readonly code: string };

interface KnownCertificate {
  readonly key: KeyObject;
  /** Wall clock, of the certificate and all that came with it. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Certificates that are kept: PayPal uses one at a time, and two while it changes. */
const KEPT_MAX = 8;
/** Certificates that one answer may hold: the signer's, and what leads to its root. */
const CHAIN_MAX = 6;
/** Requests for certificates within {@link WINDOW_MS}, at most: messages that nobody signed must not make us call. */
const FETCHES_MAX = 10;
const WINDOW_MS = 60_000;
/** How long an address that served none is not asked again, milliseconds, and how many such are remembered. */
const BARREN_MS = 10_000;
const BARREN_MAX = 1_000;
const FETCH_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;

const CERTIFICATE_PATH = /^\/v1\/notifications\/certs\/[\w-]{1,128}$/;
const PEM = /-----BEGIN CERTIFICATE-----[\w+/=\s]{1,16384}-----END CERTIFICATE-----/g;
/** The name that PayPal's own Java SDK demands (`SSLUtil.validateCertificateChain`), live and sandbox. */
const SIGNER = /^CN=messageverificationcerts(?:\.[a-z0-9-]{1,63}){0,3}\.paypal\.com$/;
const KEY_BITS_MIN = 2_048;

/**
 * Certificates by which PayPal's messages are verified, from the address that each message names. That address counts only
 * at the host of the account's base URL (or its sibling without `-m`), where TLS vouches for what is served. Of the
 * certificate its name, its dates and, for all that come with it, that each is issued by the next are checked; the way to
 * a root is not, since PayPal does not always serve it.
 */
export class SigningCertificates {
  readonly #origins: ReadonlySet<string>;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownCertificate>();
  readonly #fetching = new Map<string, Promise<KnownCertificate | string>>();
  readonly #transports = new Map<string, Transport>();
  /** Paths that PayPal does not know: until when they are not asked for again, by the monotonic clock. */
  readonly #barren = new Map<string, number>();
  /** Monotonic clock of the last requests. */
  #fetchedAtMs: number[] = [];

  constructor(baseUrl: string, clock: Clock) {
    const { origin, protocol, host } = new URL(baseUrl);
    this.#origins = new Set([origin, `${protocol}//${host.replace(/^api-m\./, 'api.')}`]);
    this.#clock = clock;
  }

  /** @param address what a message says where its certificate is */
  async keyAt(address: string): Promise<SigningKey> {
    const url = URL.parse(address);
    const isPaypals =
      url !== null &&
      this.#origins.has(url.origin) &&
      CERTIFICATE_PATH.test(url.pathname) &&
      address === `${url.origin}${url.pathname}`;
    if (!isPaypals) return { kind: 'refused' };
    const known = this.#known.get(address) ?? (await this.#fetchOnce(url, address));
    if (typeof known === 'string') return { kind: 'unverifiable', code: known };
    const nowMs = this.#clock.wallMs();
    if (nowMs < known.fromMs || nowMs > known.untilMs) {
      return { kind: 'unverifiable', code: 'certificate_not_valid_now' };
    }
    return { kind: 'key', key: known.key };
  }

  close(): void {
    for (const transport of this.#transports.values()) transport.close();
  }

  /** One request at a time for one address. */
  #fetchOnce(url: URL, address: string): Promise<KnownCertificate | string> {
    const under = this.#fetching.get(address);
    if (under !== undefined) return under;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < (this.#barren.get(url.pathname) ?? nowMs)) return Promise.resolve('certificate_http_404');
    this.#fetchedAtMs = this.#fetchedAtMs.filter((atMs) => nowMs - atMs < WINDOW_MS);
    if (this.#fetchedAtMs.length >= FETCHES_MAX) return Promise.resolve('certificate_requests_limited');
    this.#fetchedAtMs.push(nowMs);
    const fetching = this.#request(url, address).finally(() => this.#fetching.delete(address));
    this.#fetching.set(address, fetching);
    return fetching;
  }

  async #request(url: URL, address: string): Promise<KnownCertificate | string> {
    const answer = await this.#transportTo(url.origin).send({
      method: 'GET',
      path: url.pathname,
      headers: ['accept', '*/*'],
      body: null,
      budget: {
        deadlineMs: this.#clock.monotonicMs() + FETCH_TIMEOUT_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: NEVER,
        traceparent: null,
      },
    });
    if (answer.kind !== 'response') return answer.code;
    if (answer.status === 404) this.#remember(url.pathname);
    if (answer.status !== 200) return `certificate_http_${answer.status}`;
    const read = readChain(answer.body);
    if (read === null) return 'certificate_not_accepted';
    if (this.#known.size >= KEPT_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(address, read);
    return read;
  }

  /** The same path, named again and again, must not use up what others may have to ask for. */
  #remember(path: string): void {
    const [oldest] = this.#barren.keys();
    if (this.#barren.size >= BARREN_MAX && oldest !== undefined) this.#barren.delete(oldest);
    this.#barren.set(path, this.#clock.monotonicMs() + BARREN_MS);
  }

  #transportTo(origin: string): Transport {
    let transport = this.#transports.get(origin);
    if (transport === undefined) {
      transport = createTransport({ baseUrl: origin, maxSockets: 2, clock: this.#clock });
      this.#transports.set(origin, transport);
    }
    return transport;
  }
}

const NEVER = new AbortController().signal;

/** The signer's certificate, first of what was served; null when anything about it is not as it should be. */
function readChain(text: string): KnownCertificate | null {
  let chain: X509Certificate[];
  try {
    chain = (text.match(PEM) ?? []).slice(0, CHAIN_MAX).map((pem) => new X509Certificate(pem));
  } catch {
    return null;
  }
  const [signer] = chain;
  if (signer === undefined) return null;
  const names = signer.subject.split('\n').filter((part) => part.startsWith('CN='));
  const isNamed = names.length === 1 && SIGNER.test(names[0] ?? '');
  const isLinked = chain.every((each, index) => {
    const issuer = chain[index + 1];
    return issuer === undefined || (each.checkIssued(issuer) && each.verify(issuer.publicKey));
  });
  const { asymmetricKeyType, asymmetricKeyDetails } = signer.publicKey;
  const isStrong = asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= KEY_BITS_MIN;
  if (!isNamed || !isLinked || !isStrong) return null;
  return {
    key: signer.publicKey,
    fromMs: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    untilMs: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())),
  };
}
