import { JournalError } from '../../gateway/ports.ts';

/**
 * What became of a statement that failed: it was never sent; the server refused it, and nothing of its transaction is
 * written; or the connection was lost before the answer, so that nobody knows.
 */
type FailureKind = 'not_sent' | 'refused' | 'unknown';

/** A statement that Postgres did not carry out, or did not confirm. */
export class PostgresFailure extends JournalError {
  readonly kind: FailureKind;
  /** SQLSTATE; null when the server said nothing. */
  readonly code: string | null;

  constructor(kind: FailureKind, message: string, options: ErrorOptions & { readonly code?: string } = {}) {
    super(message, { ...options, isUnsent: kind === 'not_sent' });
    this.kind = kind;
    this.code = options.code ?? null;
  }
}
