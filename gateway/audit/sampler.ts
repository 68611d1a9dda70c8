import { randomBytes } from 'node:crypto';
import { GatewayError } from '../errors';

/** Share of the answers that are computed again unless told otherwise (docs/gateway.md, attacks 22). */
export const AUDIT_RATE = 0.02;

const DRAW_BYTES = 6;

/** Uniform in [0, 1), from the system's generator: 48 bits that nobody can foretell. */
export const secretDraw = (): number => randomBytes(DRAW_BYTES).readUIntBE(0, DRAW_BYTES) / 2 ** (8 * DRAW_BYTES);

/** Decides which answers are audited, each for itself: nothing about an answer, and no draw before, says anything of the next. */
export class Sampler {
  /**
   * @param rate probability of each answer: 0 none, 1 all
   * @throws GatewayError `config.gateway.audit-rate`
   */
  constructor(
    readonly rate: number,
    private readonly draw: () => number = secretDraw,
  ) {
    if (rate >= 0 && rate <= 1) return;
    throw new GatewayError('config.gateway.audit-rate', 'the share of audited answers is no share', { expected: 'a number from 0 to 1', received: String(rate) });
  }

  isDrawn(): boolean {
    return this.draw() < this.rate;
  }

  /** Whether an answer is audited whatever is drawn, since its worker broke it off or was contradicted: unless nothing is. */
  get takesDoubtful(): boolean {
    return this.rate > 0;
  }
}
