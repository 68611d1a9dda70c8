import { Address, Cell, type Transaction } from '@ton/core';
import {
  cellHash,
  CocoonError,
  decodeReceipt,
  encodeReceipt,
  encodeTerms,
  equalBytes,
  receiptsConflict,
} from '../../protocol';
import {
  BURN_ADDRESS,
  fromCell,
  packReportTwoReceipts,
  ProviderStake,
  requiredStakeValue,
  toCell,
  type SignedReceipt,
} from '../../wrappers';
import { sleep } from '../../worker/chain/chainClient';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { sendAndWait } from '../provider/send';
import type { ClientOptions } from './create';
import type { JobFile } from './jobFile';
import { historyOf } from './registry';
import { ownTerms, type OpenedAnswer } from './verify';
import { loadWallet, payerOf } from './wallet';
import type { WorkerApi } from './workerApi';

export type Evidence = NonNullable<JobFile['evidence']>;

/**
 * The worker's receipt beside the one that was paid. `not-shown`: it shows none, which is no offence; `unusable`: not its
 * signed receipt of this job, which proves nothing.
 */
export type Comparison = 'agrees' | 'contradicts' | 'not-shown' | 'unusable';

/** What a report did to a stake. Amounts in nanoTON, as they arrived. */
export interface Slash {
  /** What the stake lost, thawing included. */
  slashedNano: bigint;
  burntNano: bigint;
  /** What the client got for its price and trouble. */
  clientNano: bigint;
  /** What the reporter got, with what its report did not use. */
  reporterNano: bigint;
}

/**
 * Asks the worker for its receipt of an answered job and compares it with the one that was paid. Two receipts of one
 * key about one job that differ in more than their date are proof that the worker lies to somebody (docs/protocol.md).
 */
export async function compareReceipts(
  job: JobFile,
  answer: OpenedAnswer,
  worker: WorkerApi,
  pollMillis = 0,
): Promise<{ comparison: Comparison; evidence: Evidence | null }> {
  const other = await askReceipt(worker, job.address, pollMillis).catch((error: unknown) => {
    // Not to answer is no offence: there is no second receipt.
    if (error instanceof CocoonError) return null;
    throw error;
  });
  const comparison = other === null ? 'not-shown' : compare(job, answer, other);
  if (other === null || comparison !== 'contradicts') return { comparison, evidence: null };
  const first = { receipt: toCell(encodeReceipt(answer.receipt)), signature: answer.signature };
  const terms = bocOf(toCell(encodeTerms(ownTerms(job).terms)));
  return { comparison, evidence: { terms, first: packed(first), second: packed(other) } };
}

/** How often a worker is asked that has not noticed its own payment yet. */
const LOOKS = 10;

async function askReceipt(worker: WorkerApi, address: string, pollMillis: number): Promise<SignedReceipt | null> {
  for (let look = 1; ; look++) {
    const shown = await worker.receipt(address);
    if (shown !== null || look >= LOOKS || (await worker.status(address)).state !== 'answered') return shown;
    await sleep(pollMillis);
  }
}

function compare(job: JobFile, answer: OpenedAnswer, other: SignedReceipt): Comparison {
  try {
    const plain = fromCell(other.receipt);
    const isSigned = nodeEd25519.verify(cellHash(plain), other.signature, Buffer.from(job.escrow.workerKey, 'hex'));
    const shown = decodeReceipt(plain);
    if (!isSigned || !equalBytes(shown.escrow, answer.receipt.escrow)) return 'unusable';
    return receiptsConflict(answer.receipt, shown) ? 'contradicts' : 'agrees';
  } catch {
    return 'unusable';
  }
}

/**
 * Reports two receipts to the worker's stake, waits for the verdict and says what it cost. A job that was punished
 * before is left alone: null.
 * @throws ChainStateError `chain.stake-refused`, `chain.low-balance`
 */
export async function reportTwoReceipts(
  options: ClientOptions,
  job: JobFile,
  evidence: Evidence,
): Promise<Slash | null> {
  const { settings, chain, progress } = options;
  const address = new Address(0, Buffer.from(job.stake, 'hex'));
  const provider = historyOf(chain).provider(address);
  const stake = ProviderStake.fromAddress(address);
  if (await stake.isConvicted(provider, Address.parse(job.address))) {
    progress('this job was reported before: its stake is punished once');
    return null;
  }
  const value = (requiredStakeValue('evidence', await chain.networkPrices()) * 11n) / 10n;
  const body = {
    terms: Cell.fromHex(evidence.terms),
    first: unpacked(evidence.first),
    second: unpacked(evidence.second),
  };
  const wallet = loadWallet(settings.dataFolder, settings.networkId, options.passphrase);
  const before = await stake.getStatus(provider);
  progress(`reporting both receipts to the stake ${address.toRawString()}`);
  const transaction = await sendAndWait(
    { chain, wallet: payerOf(chain, wallet), pollMillis: settings.network === 'devnet' ? 100 : 2_000 },
    { what: 'report of two receipts', to: address, value, body: (queryId) => packReportTwoReceipts(body, queryId) },
  );
  const after = await stake.getStatus(provider);
  const client = new Address(0, Buffer.from(job.escrow.client, 'hex'));
  return { slashedNano: after.slashed - before.slashed, ...sharesOf(transaction, client, wallet.address) };
}

/** Where a slash went, from the stake's own transaction: client's share, burn and reporter's share come in order. */
export function sharesOf(transaction: Transaction, client: Address, reporter: Address): Omit<Slash, 'slashedNano'> {
  const sent = [...transaction.outMessages.values()].flatMap(({ info }) =>
    info.type === 'internal' ? [{ to: info.dest, value: info.value.coins }] : [],
  );
  const burnt = sent.findIndex(({ to }) => to.equals(BURN_ADDRESS));
  const sum = (parts: typeof sent, to: Address): bigint =>
    parts.reduce((total, part) => (part.to.equals(to) ? total + part.value : total), 0n);
  return {
    burntNano: sum(sent, BURN_ADDRESS),
    clientNano: sum(sent.slice(0, Math.max(burnt, 0)), client),
    reporterNano: sum(sent.slice(burnt + 1), reporter),
  };
}

const bocOf = (cell: Cell): string => cell.toBoc().toString('hex');
const packed = ({ receipt, signature }: SignedReceipt): Evidence['first'] => ({
  receipt: bocOf(receipt),
  signature: Buffer.from(signature).toString('hex'),
});
const unpacked = ({ receipt, signature }: Evidence['first']): SignedReceipt => ({
  receipt: Cell.fromHex(receipt),
  signature: Buffer.from(signature, 'hex'),
});
