import type { Address } from '@ton/core';
import type { ChainClient } from '../chain/chainClient';
import type { Logger } from '../log';
import type { EngineWatch } from './engineWatch';

/** Why a worker should be given nothing new. */
export type NotReady = 'draining' | 'engine' | 'store' | 'chain' | 'chain-behind';
export const NOT_READY: readonly NotReady[] = ['draining', 'engine', 'store', 'chain', 'chain-behind'];

export interface ReadinessSources {
  draining: AbortSignal;
  engine: EngineWatch;
  /** Throws when a store cannot be used. */
  checkStores: () => void;
  chain: Pick<ChainClient, 'record' | 'getAccount'>;
  /** Any account of the worker's network, looked at when nothing else was for a while. */
  account: Address;
  log: Logger;
}

/** Seconds without an answer of the chain's API, or by which its newest block may be old. */
export const CHAIN_SECONDS = 120;
/** Seconds between looks of its own. */
const PULSE_SECONDS = 30;

/** Whether the worker can serve now: engine and stores fine, the chain seen lately, not draining. */
export class Readiness {
  private readonly timer: NodeJS.Timeout;
  private last = '';

  /** @param now Unix milliseconds */
  constructor(
    private readonly sources: ReadinessSources,
    private readonly now: () => number = Date.now,
  ) {
    this.timer = setInterval(() => void this.pulse(), PULSE_SECONDS * 1_000).unref();
  }

  /** Empty when it is ready. */
  reasons(): NotReady[] {
    const { draining, engine, chain } = this.sources;
    const { answeredAt, newestBlock } = chain.record;
    const reasons: NotReady[] = [];
    if (draining.aborted) reasons.push('draining');
    if (!engine.isWell) reasons.push('engine');
    if (!this.areStoresFine()) reasons.push('store');
    if (answeredAt === null || this.now() - answeredAt > CHAIN_SECONDS * 1_000) reasons.push('chain');
    else if (newestBlock !== null && this.now() / 1_000 - newestBlock > CHAIN_SECONDS) reasons.push('chain-behind');
    return reasons;
  }

  /** Looks at what nothing else looked at lately, and logs a change. Never rejects. */
  async pulse(): Promise<void> {
    const { chain, engine, account, log } = this.sources;
    const { answeredAt } = chain.record;
    const isQuiet = answeredAt === null || this.now() - answeredAt > (PULSE_SECONDS * 1_000) / 2;
    if (isQuiet) await chain.getAccount(account).catch(() => undefined);
    if (!engine.isWell) await engine.probe();
    const reasons = this.reasons().join(', ');
    if (reasons !== this.last) log.warn({ reasons }, reasons === '' ? 'ready again' : 'not ready');
    this.last = reasons;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private areStoresFine(): boolean {
    try {
      this.sources.checkStores();
      return true;
    } catch {
      return false;
    }
  }
}
