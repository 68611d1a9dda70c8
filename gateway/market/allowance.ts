import { GatewayError } from '../errors';

/** What may be spent, nanoTON. */
export interface SpendingCaps {
  /** By one request of the application, all its answers together. */
  perRequest?: bigint;
  /** In a day, UTC, over all providers. */
  perDay?: bigint;
}

/** Money that an answer under way may still take. */
export interface Reservation {
  /** The answer has come to so much. */
  cameTo(nano: bigint): void;
  /** Nothing more of it comes. */
  end(): void;
}

/** Sees to it that nothing is begun that could pass a cap, whatever runs beside it. */
export class Allowance {
  private reserved = 0n;
  private readonly requests = new WeakMap<object, { spent: bigint; reserved: bigint }>();

  /** @param spentToday nanoTON of vouchers that were signed since midnight, UTC, durable */
  constructor(
    private readonly caps: SpendingCaps,
    private readonly spentToday: () => bigint,
  ) {}

  /**
   * @param request whatever stands for the application's request: answers with the same one share its cap
   * @param most what the answer can come to
   * @throws GatewayError `gateway.request-cap`, `gateway.daily-cap`
   */
  reserve(request: object, most: bigint): Reservation {
    const { perRequest, perDay } = this.caps;
    const own = this.requests.get(request) ?? { spent: 0n, reserved: 0n };
    requireBelow('gateway.request-cap', 'the request could cost more than one may', own.spent + own.reserved + most, perRequest, 'ask for fewer tokens, or raise --max-request');
    requireBelow('gateway.daily-cap', 'the request could cost more than is left for today', this.spentToday() + this.reserved + most, perDay, 'wait for tomorrow (UTC), or raise --max-day');
    this.requests.set(request, own);
    own.reserved += most;
    this.reserved += most;
    let spent = 0n;
    let left = most;
    const release = (nano: bigint): void => {
      left -= nano;
      own.reserved -= nano;
      this.reserved -= nano;
    };
    return {
      cameTo: (nano) => {
        const more = nano - spent;
        spent = nano;
        own.spent += more;
        release(more < left ? more : left);
      },
      end: () => release(left),
    };
  }
}

function requireBelow(code: string, message: string, sum: bigint, cap: bigint | undefined, hint: string): void {
  if (cap === undefined || sum <= cap) return;
  throw new GatewayError(code, message, { expected: `at most ${cap} nanoTON`, received: `${sum} nanoTON with what runs`, hint });
}
