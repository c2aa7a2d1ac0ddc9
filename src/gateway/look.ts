import type { Authorization } from '../core/authorization.ts';
import type { OperationKind } from '../core/operation.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import type { WorkItem } from './ports.ts';

/** What one look at an item came to. */
export interface Look {
  readonly authorization: Authorization;
  /** Whether the provider said anything at all. */
  readonly answered: boolean;
  /** Wall clock at which the "not found" that was answered will be evidence for this process; else null. */
  readonly evidenceAtMs?: number | null;
  /** Changes of it that tell nothing new: the schedule does not begin anew with them. */
  readonly bookings?: number;
  /** The operations that this look itself has begun: nobody else can have sent them. */
  readonly begun?: ReadonlySet<number>;
}

/** Result of a look at what nobody can be asked about. */
export const NO_WAY_TO_ASK = 'no_way_to_ask';

/** Tells log and metrics what a look came to. */
export function tellLook(
  item: WorkItem,
  look: {
    readonly provider: string;
    readonly subject: 'attempt' | OperationKind;
    readonly by: 'inquiry' | 'replay' | 'record' | 'answer';
    readonly result: string;
  },
  deps: Pick<GatewayDeps, 'clock' | 'observer'>,
): void {
  const ageMs = Math.max(0, deps.clock.wallMs() - item.sinceMs);
  deps.observer.resolved({ authorizationId: item.authorization.id, ...look, ageMs });
}
