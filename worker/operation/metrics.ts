import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { RefusalReason, type RefusalReasonValue } from '../../protocol';
import type { ClaimOutcome } from '../channels/claimer';

/** How a request over a channel ended: `left` when its client went away or did not pay. */
export type RequestOutcome = 'served' | 'left' | 'failed' | 'overloaded';

/** Follows one request. */
export interface RequestTimer {
  /** A piece leaves. */
  piece(): void;
  ended(outcome: RequestOutcome): void;
}

const PREFIX = 'cocoon_worker_';
const OUTCOMES: readonly RequestOutcome[] = ['served', 'left', 'failed', 'overloaded'];
const CLAIM_OUTCOMES = ['sent', 'refused', 'failed'] as const;
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const REASONS = new Map<number, string>(Object.entries(RefusalReason).map(([name, value]) => [value, name]));

/** Numbers of a worker, read when they are asked for. A label has one value and a number each. */
export type Reading = () => number | Record<string, number>;

/**
 * Prometheus metrics of one worker, in a registry of its own. Labels are reasons, states and codes of this code, never an
 * address, a key or anything of a prompt.
 */
export class WorkerMetrics {
  readonly registry = new Registry();
  private readonly requests = this.counter('requests_total', 'Requests over channels by their end', 'outcome', OUTCOMES);
  private readonly refusals = this.counter('refusals_total', 'Signed refusals over channels by reason', 'reason', [...REASONS.values()]);
  private readonly responses = this.counter('http_responses_total', 'Replies over HTTP by status', 'status');
  private readonly claims = this.counter('claims_total', 'Claims by what became of sending them', 'outcome', CLAIM_OUTCOMES);
  private readonly firstPiece = this.histogram('first_piece_seconds', 'From an admitted request to its first piece');
  private readonly nextPiece = this.histogram('piece_seconds', 'From one piece of an answer to the next, payment included');

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** A request over a channel was admitted. */
  begun(): RequestTimer {
    let last = performance.now();
    let pieces = 0;
    return {
      piece: () => {
        const now = performance.now();
        (pieces++ === 0 ? this.firstPiece : this.nextPiece).observe((now - last) / 1_000);
        last = now;
      },
      ended: (outcome) => this.requests.inc({ outcome }),
    };
  }

  refused(reason: RefusalReasonValue): void {
    this.refusals.inc({ reason: REASONS.get(reason)! });
  }

  replied(status: number): void {
    this.responses.inc({ status: String(status) });
  }

  claimed(outcome: ClaimOutcome | 'failed'): void {
    if (outcome === 'sent' || outcome === 'refused' || outcome === 'failed') this.claims.inc({ outcome });
  }

  /** A number that may fall. @param label of a reading with several values */
  gauge(name: string, help: string, read: Reading, label?: string): void {
    new Gauge({
      name: PREFIX + name, help, registers: [this.registry], labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset();
        eachOf(read, label, (labels, value) => this.set(labels, value));
      },
    });
  }

  /** A number that something else counts up. */
  counted(name: string, help: string, read: Reading, label?: string): void {
    new Counter({
      name: PREFIX + name, help, registers: [this.registry], labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset();
        eachOf(read, label, (labels, value) => this.inc(labels, value));
      },
    });
  }

  /** The text exposition format 0.0.4. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  private counter(name: string, help: string, label: string, values: readonly string[] = []): Counter {
    const counter = new Counter({ name: PREFIX + name, help, registers: [this.registry], labelNames: [label] });
    // A series that begins with its first event hides that event from rate().
    for (const value of values) counter.inc({ [label]: value }, 0);
    return counter;
  }

  private histogram(name: string, help: string): Histogram {
    return new Histogram({ name: PREFIX + name, help, registers: [this.registry], buckets: SECONDS });
  }
}

function eachOf(read: Reading, label: string | undefined, put: (labels: Record<string, string>, value: number) => void): void {
  let reading: ReturnType<Reading>;
  try {
    reading = read();
  } catch {
    // A store that cannot be read says so in `not_ready`; the other numbers stay readable.
    return label === undefined ? put({}, NaN) : undefined;
  }
  if (typeof reading === 'number') return put({}, reading);
  for (const [name, value] of Object.entries(reading)) put({ [label!]: name }, value);
}
