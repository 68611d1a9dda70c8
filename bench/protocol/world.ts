import { Address, type Cell } from '@ton/core';
import { PaymentChannel, type PaymentChannelTerms } from '../../wrappers';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadClaimKey, loadWorkerKeys, type WorkerKeys } from '../../worker/keys/workerKeys';

/** What worker, gateway and generator of the bench know of one another without asking. */
export interface BenchWorld {
  keys: WorkerKeys;
  /** One client each. */
  channels: { address: Address; code: Cell; terms: PaymentChannelTerms; sign: (hash: Uint8Array) => Uint8Array }[];
}

export const BENCH_NETWORK = 2026;
export const BENCH_STAKE = 3;
/** nanoTON per million tokens. */
export const BENCH_PRICE = 1_000_000n;
export const CLOSE_DELAY = 86_400;

export const accountOf = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));
export const unixNow = (): number => Math.floor(Date.now() / 1000);

/** @param folder of the worker's keys, made at the first call */
export async function benchWorld(folder: string, clients: number): Promise<BenchWorld> {
  const keys = loadWorkerKeys(folder);
  const claimKey = loadClaimKey(folder).publicKey;
  const expiry = Math.floor(unixNow() / CLOSE_DELAY + 30) * CLOSE_DELAY;
  const channels = await Promise.all(Array.from({ length: clients }, async (_, index) => {
    const secret = new Uint8Array(32).fill(index + 1);
    const terms: PaymentChannelTerms = {
      networkId: BENCH_NETWORK, client: accountOf(1), clientKey: nodeEd25519.publicKey(secret), stake: accountOf(BENCH_STAKE), payout: accountOf(2), claimKey,
      closeDelay: CLOSE_DELAY, expiry: expiry + index,
    };
    const { address, init } = await PaymentChannel.fromTerms(terms);
    return { address, code: init!.code, terms, sign: (hash: Uint8Array) => nodeEd25519.sign(hash, secret) };
  }));
  return { keys, channels };
}
