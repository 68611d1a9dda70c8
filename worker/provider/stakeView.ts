import { Address } from '@ton/core';
import { equalBytes, Tier } from '../../protocol';
import { keyEnd } from '../../wrappers';
import { freeStake, type Provider, readProvider } from '../../wrappers/discovery';
import type { ChainClient } from '../chain/chainClient';
import type { StakeReport } from './wire';

/** A look counts this long; a page that is open asks more often. */
const VIEW_SECONDS = 60;
/** The first answer waits so long for the chain. */
const PATIENCE_MILLIS = 3_000;

/** The stake as the chain has it, asked for when somebody looks and no more often than once a minute. */
export class StakeView {
  private seen: { state: StakeReport['state']; readAt: number } | null = null;
  private problem: string | null = null;
  private triedAt = -Infinity;
  private look: Promise<void> | null = null;
  private readonly address: Address;

  /** @param stake basechain hash, 32 bytes @param now Unix seconds */
  constructor(
    private readonly chain: Pick<ChainClient, 'query'>,
    stake: Uint8Array,
    private readonly workerKey: Uint8Array,
    private readonly now: () => number,
  ) {
    this.address = new Address(0, Buffer.from(stake));
  }

  /** What is known; waits a little while nothing is. Never rejects. */
  async report(): Promise<StakeReport> {
    if (this.now() - this.triedAt >= VIEW_SECONDS) this.look ??= this.read();
    if (this.seen === null && this.look !== null) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([this.look, new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MILLIS)))]);
      clearTimeout(timer);
    }
    return { address: this.address.toRawString(), readAt: this.seen?.readAt ?? null, problem: this.problem, state: this.seen?.state ?? null };
  }

  private async read(): Promise<void> {
    try {
      const provider = await this.chain.query((ton) => readProvider(ton, this.address));
      this.seen = { state: stateOf(provider, this.workerKey), readAt: this.now() };
      this.problem = null;
    } catch (error) {
      this.problem = String((error as { code?: unknown }).code ?? 'chain.stake-unreadable');
    } finally {
      this.triedAt = this.now();
      this.look = null;
    }
  }
}

function stateOf({ status, keys }: Provider, workerKey: Uint8Array): NonNullable<StakeReport['state']> {
  const key = keys.find((each) => equalBytes(each.workerKey, workerKey));
  const isAttested = key?.tier === Tier.attested;
  return {
    activeNano: String(status.active), minimumNano: String(status.minimum), reservedNano: String(status.reserved), freeNano: String(freeStake(status)),
    thawingNano: String(status.thawing), thawedAt: status.thawing === 0n ? null : status.thawedAt, slashedNano: String(status.slashed), faults: status.faults,
    openCases: status.openCases, rentPaidUntil: status.paidUntil,
    key: key === undefined ? null : {
      tier: key.tier, since: key.fromUnix, end: keyEnd(key), isRemoved: key.removedAt !== 0,
      // An attested key lives as long as its newest attestation.
      attestationEnd: isAttested ? key.endUnix : null, tcbStatus: isAttested ? key.tcbStatus : null,
    },
  };
}
