import type { Address, Cell, Transaction } from '@ton/core';
import { randomBytes } from 'node:crypto';
import { PROVIDER_STAKE_ERRORS } from '../../wrappers';
import type { Provider } from '../../wrappers/discovery';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import type { Payer } from '../client/wallet';
import type { Output } from '../output';
import { formatTon } from '../output';
import { readStake, type StakeAccount } from './account';

/** A message to a stake. */
export interface StakeMessage {
  /** For people: what it does. */
  what: string;
  /** nanoTON attached; what is not used returns. */
  value: bigint;
  body(queryId: bigint): Cell;
  /** Attach the stake's StateInit: the first deposit. */
  deploy?: boolean;
}

/** The message that brings the stake to what is wanted, or null when the chain already shows it. */
export type Decide = (current: Provider | null) => Promise<StakeMessage | null> | StakeMessage | null;

/** What a step did. */
export interface StepResult {
  done: boolean;
  sentNano: bigint;
  after: Provider | null;
}

/**
 * Reads the stake, decides, sends at most one message of the owner and waits until the chain shows what it did. The
 * wallet's number is read first and nothing of an earlier run may be on its way: whatever happened in between, two runs
 * never pay twice. @throws ChainStateError `chain.stake-refused`, `chain.no-effect`, `chain.in-flight`
 */
export async function stepStake(account: StakeAccount, output: Output, decide: Decide): Promise<StepResult> {
  const { chain, wallet, stake } = account;
  const seqno = await wallet.seqno();
  await waitForArrivals(account);
  const before = await readStake(account, stake.address);
  const message = await decide(before);
  if (message === null) return { done: false, sentNano: 0n, after: before };
  output.progress(`sends ${formatTon(message.value)} to the stake: ${message.what}`);
  const arrived = await sendAndWait(
    { chain, wallet, pollMillis: account.pollMillis },
    { ...message, to: stake.address, init: message.deploy === true ? stake.init : undefined, seqno },
  );
  // An API may answer the get-methods from a state that is older than the transaction it has shown.
  let after = await readStake(account, stake.address);
  for (let attempt = 0; attempt < 20; attempt++) {
    if ((await chain.getAccount(stake.address)).apiTime >= arrived.now) break;
    await sleep(account.pollMillis);
    after = await readStake(account, stake.address);
  }
  return { done: true, sentNano: message.value, after };
}

/** Sends one message of a wallet to a contract and waits for its transaction; a refusal is a typed error. */
export async function sendAndWait(
  { chain, wallet, pollMillis }: { chain: ChainClient; wallet: Payer; pollMillis: number },
  message: Pick<StakeMessage, 'what' | 'value' | 'body'> & {
    to: Address;
    init?: { code: Cell; data: Cell };
    seqno?: number;
    receiver?: Receiver;
  },
): Promise<Transaction> {
  const body = message.body(randomBytes(8).readBigUInt64BE());
  const { apiTime } = await chain.getAccount(wallet.address);
  const validUntil = Math.max(apiTime, Math.floor(Date.now() / 1000)) + 60;
  const { to, value, init, seqno } = message;
  await wallet.send({ to, value, body, init, validUntil, seqno });
  const isOurs = ({ inMessage }: Transaction): boolean =>
    inMessage?.info.type === 'internal' &&
    inMessage.info.src.equals(wallet.address) &&
    inMessage.body.hash().equals(body.hash());
  for (;;) {
    const found = await chain.findTransaction(to, apiTime - 60, isOurs);
    if (found !== null) return requireAccepted(found, message.what, message.receiver ?? STAKE);
    const account = await chain.getAccount(wallet.address);
    if (account.apiTime > validUntil + 60) {
      throw new ChainStateError('chain.no-effect', `${message.what}: the message did not arrive`, {
        received: to.toRawString(),
        hint: 'run the command again: it looks at the chain before it sends anything',
      });
    }
    await sleep(pollMillis);
  }
}

/** Who refuses, in the error's words. */
export interface Receiver {
  name: string;
  errors: Readonly<Record<string, number>>;
  hint: string;
}

const STAKE: Receiver = { name: 'stake', errors: PROVIDER_STAKE_ERRORS, hint: 'cocoon provider status' };

function requireAccepted(transaction: Transaction, what: string, receiver: Receiver): Transaction {
  const { description } = transaction;
  if (description.type !== 'generic' || !description.aborted) return transaction;
  const { computePhase } = description;
  const code = computePhase.type === 'vm' ? computePhase.exitCode : 0;
  const [name] = Object.entries(receiver.errors).find(([, number]) => number === code) ?? [''];
  throw new ChainStateError(
    `chain.${receiver.name}-refused`,
    `${what}: the ${receiver.name} refused, and its money returned`,
    {
      received: computePhase.type === 'vm' ? `exit code ${code} ${name}` : 'no such account',
      hint: receiver.hint,
    },
  );
}

/** What was sent this long ago has arrived: an API may forget the history of an account that ended, seconds. */
const ARRIVAL_SECONDS = 600;

/** Waits until everything that the wallet sent to the stake lately has arrived there. */
async function waitForArrivals({ chain, wallet, stake, pollMillis }: StakeAccount): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const { apiTime } = await chain.getAccount(wallet.address);
    const recent = (await chain.getTransactions(wallet.address, 10)).filter(
      ({ now }) => now > apiTime - ARRIVAL_SECONDS,
    );
    const sent = recent.flatMap((transaction) =>
      [...transaction.outMessages.values()].flatMap(({ info }) =>
        info.type === 'internal' && info.dest.equals(stake.address) ? [info.createdLt] : [],
      ),
    );
    if (sent.length === 0) return;
    const page = await chain.getTransactions(stake.address, 50);
    const arrived = page.map(({ inMessage }) => (inMessage?.info.type === 'internal' ? inMessage.info.createdLt : 0n));
    // What was sent before the oldest transaction of a full page arrived before it.
    const oldest = page.length < 50 ? 0n : page[page.length - 1].lt;
    if (sent.every((lt) => lt < oldest || arrived.includes(lt))) return;
    await sleep(pollMillis);
  }
  throw new ChainStateError('chain.in-flight', 'an earlier message to the stake has not arrived yet', {
    received: stake.address.toRawString(),
    hint: 'wait and run the command again; after ten minutes it goes on in any case',
  });
}
