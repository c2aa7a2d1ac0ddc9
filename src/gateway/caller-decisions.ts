import { type DecideCommand, type DecideResult, decideForCaller } from './decide-for-caller.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { type ReportCommand, type ReportResult, reportOutcome } from './report-outcome.ts';

/** When to ask again for a decision that is being made. */
const IN_FLIGHT_RETRY_MS = 1_000;

/** Decisions for callers that send themselves, with what a process remembers of those under way. */
export class CallerDecisions {
  readonly #deps: GatewayDeps;
  /** Keys whose first request is not answered yet. */
  readonly #underWay = new Set<string>();

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
  }

  async decide(command: DecideCommand): Promise<DecideResult> {
    if (command.idempotencyKey === null) return decideForCaller(command, this.#deps);
    const name = JSON.stringify([command.account, command.request.merchant, command.idempotencyKey]);
    if (this.#underWay.has(name)) return { kind: 'in_flight', retryAfterMs: IN_FLIGHT_RETRY_MS };
    this.#underWay.add(name);
    try {
      return await decideForCaller(command, this.#deps);
    } finally {
      this.#underWay.delete(name);
    }
  }

  report(command: ReportCommand): Promise<ReportResult> {
    return reportOutcome(command, this.#deps);
  }
}
