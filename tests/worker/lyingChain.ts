import { Address, type Transaction } from '@ton/core';
import {
  buildTerms,
  encodePayload,
  GREEDY_SAMPLING,
  sealRequest,
  SEMANTICS,
  termsHash,
  Tier,
  Visibility,
  type RequestPayload,
} from '../../protocol';
import { JobEscrow, packCreateJob, requiredJobValue, type JobEscrowTerms, type NetworkPrices } from '../../wrappers';
import { ApiRecord } from '../../worker/chain/apiRecord';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import type { LoadedModel } from '../../worker/engine';
import { ChainApiError } from '../../worker/errors';
import type { WorkerKeys } from '../../worker/keys/workerKeys';

export const NETWORK = 2026;
export const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
export const wallet = (byte: number): Address => new Address(0, Buffer.from(fill(byte)));
export const now = (): number => Math.floor(Date.now() / 1000);
export const prices: NetworkPrices = {
  gasPrice: 26_214_400n,
  flatGasLimit: 100n,
  flatGasPrice: 40_000n,
  lumpPrice: 400_000n,
  bitPrice: 26_214_400n,
  cellPrice: 2_621_440_000n,
};

/** An API under the attacker's control: what the test says is what the worker sees. */
export class LyingChain {
  readonly record = new ApiRecord();
  account: AccountSnapshot = { state: 'absent', balance: 0n, code: null, data: null, apiTime: now() };
  create: Transaction | null = null;
  histories = 0;
  sent: Buffer[] = [];
  away = false;
  getAccount = (): Promise<AccountSnapshot> => Promise.resolve(this.account);
  networkPrices = (): Promise<NetworkPrices> => Promise.resolve(prices);
  findTransaction = (_: Address, __: number, matches: (found: Transaction) => boolean): Promise<Transaction | null> => {
    this.histories++;
    return Promise.resolve(this.create !== null && matches(this.create) ? this.create : null);
  };
  sendExternal = (bytes: Buffer): Promise<void> => {
    if (this.away) return Promise.reject(new ChainApiError('network.unreachable', 'away'));
    this.sent.push(bytes);
    return Promise.resolve();
  };
}

/** A job that is on `chain`, paid, and sealed to the worker. */
export async function payJobTo(
  { model, keys }: { model: LoadedModel; keys: WorkerKeys },
  chain: LyingChain,
  changes: Partial<JobEscrowTerms> = {},
  maxTokens = 4,
): Promise<Address> {
  const deadline = changes.deadline ?? now() + 600;
  const payload: RequestPayload = {
    asked: {
      tier: Tier.bonded,
      visibility: Visibility.sealed,
      flags: 0,
      semantics: SEMANTICS,
      salt: fill(3, 16),
      modelRoot: model.model.modelRoot,
      maxTokens,
      expiresAt: deadline,
      promptPrice: 0n,
      outputPrice: 0n,
      coverage: 0n,
      imageHash: fill(0),
    },
    request: { promptTokens: [1, 2, 3], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: 1n, toolsHash: fill(0) },
    responseKey: fill(4),
    commitSalt: fill(5),
  };
  const base = { networkId: NETWORK, workerKey: keys.signingPublic, price: 50_000_000n };
  const hash = termsHash(buildTerms(payload, { ...base, client: fill(1), stake: fill(0) }));
  const terms: JobEscrowTerms = {
    ...base,
    deadline,
    outputCells: 10,
    answerInCallback: false,
    client: wallet(1),
    payout: wallet(2),
    termsHash: hash,
    ...changes,
  };
  const { address, init } = await JobEscrow.fromTerms(terms);
  const escrow = new Uint8Array(address.hash);
  const sealed = await sealRequest(encodePayload(payload), keys.sealingPublic, {
    networkId: NETWORK,
    escrow,
    seq: 0,
    termsHash: hash,
  });
  chain.account = { state: 'active', balance: requiredJobValue(terms, prices), ...init!, apiTime: now() };
  chain.create = {
    inMessage: { info: { type: 'internal', src: wallet(1), value: { coins: 0n } }, body: packCreateJob(sealed) },
    description: { type: 'generic', computePhase: { type: 'vm', success: true } },
  } as unknown as Transaction;
  return address;
}
