import { count, percent } from './figures.ts';
import type { SentPayment } from './send-payments.ts';

const BAR_CELLS = 20;
const REDRAW_MS = 100;
const COLUMNS_MAX = 100;

/** Where progress goes. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A bar that is redrawn on a terminal; elsewhere a line every tenth of the way. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #total: number;
  readonly #redraws: boolean;
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout | null;
  #done = 0;
  #tenths = 0;
  #approved = 0;
  #pending = 0;
  #failovers = 0;

  /** @param redraws whether the output is a terminal that takes control characters */
  constructor(output: ProgressOutput, total: number, redraws: boolean) {
    this.#output = output;
    this.#total = total;
    this.#redraws = redraws;
    this.#timer = redraws ? setInterval(() => this.#redraw(), REDRAW_MS) : null;
  }

  add({ answer }: SentPayment): void {
    this.#done += 1;
    if (answer?.status === 'approved') this.#approved += 1;
    if (answer?.status === 'pending') this.#pending += 1;
    this.#failovers += Math.max(0, (answer?.attempts.length ?? 1) - 1);
    if (this.#redraws) return;
    const tenths = Math.floor((10 * this.#done) / this.#total);
    if (tenths > this.#tenths) this.#output.write(`  ${this.#figures()}\n`);
    this.#tenths = tenths;
  }

  /** A line of text that stays, above the bar. */
  tell(line: string): void {
    this.#output.write(`${this.#redraws ? '\r\x1b[K' : ''}${line}\n`);
    this.#redraw();
  }

  /** Leaves the last state of the bar standing. */
  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#redraw();
    if (this.#redraws) this.#output.write('\n');
  }

  #redraw(): void {
    if (!this.#redraws) return;
    const filled = Math.round((BAR_CELLS * this.#done) / this.#total);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
    const width = Math.min(this.#output.columns ?? COLUMNS_MAX, COLUMNS_MAX) - 1;
    this.#output.write(`\r${`  ${bar} ${this.#figures()}`.slice(0, width)}\x1b[K`);
  }

  #figures(): string {
    const seconds = Math.max(0.001, (performance.now() - this.#startedMs) / 1000);
    const share = `${Math.floor((100 * this.#done) / this.#total)} %`.padStart(5);
    const done = count(this.#done).padStart(count(this.#total).length);
    return (
      `${share}  ${done} sent, ${Math.round(this.#done / seconds)}/s  ` +
      `approved ${percent(this.#approved, this.#done)}  failovers ${count(this.#failovers)}  ` +
      `pending ${count(this.#pending)}`
    );
  }
}
