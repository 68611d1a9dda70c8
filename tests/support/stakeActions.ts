import {
  type Address,
  beginCell,
  Cell,
  Dictionary,
  type DictionaryValue,
  internal,
  type Transaction,
} from '@ton/core';
import { createShardAccount, type SendMessageResult } from '@ton/sandbox';
import { BURN_ADDRESS, forwardFee } from '../../wrappers';
import { pricesOf } from './config';
import { feesOf, sumFees } from './fees';
import { REGISTRY, type StakeWorld } from './stakeWorld';

const isTo = (address: Address) => (transaction: Transaction): boolean =>
  String(transaction.inMessage?.info.dest) === String(address);

/** A message that some account sent, put on the chain without that account's own transaction. */
export function inject(
  { chain, stake }: StakeWorld,
  from: Address,
  body: Cell,
  value: bigint,
  options: { bounce?: boolean; bounced?: boolean } = {},
): Promise<SendMessageResult> {
  const message = internal({ to: stake.address, value, body, bounce: options.bounce ?? true });
  if (message.info.type !== 'internal') throw new Error('internal messages only');
  const info = { ...message.info, src: from, bounced: options.bounced ?? false };
  return chain.sendMessage({ ...message, info });
}

/** The stake's transaction for the first message that reached it. */
export function handled(result: SendMessageResult, { stake }: StakeWorld): Transaction {
  return result.transactions.find(isTo(stake.address))!;
}

/** 0 when the stake did all it was asked for, its exit code when it refused, 'action' when it could not pay. */
export function outcome(result: SendMessageResult, world: StakeWorld): number | 'action' | 'no gas' {
  const { description } = handled(result, world);
  if (description.type !== 'generic') throw new Error('a message makes a generic transaction');
  if (description.computePhase.type !== 'vm') return 'no gas';
  if (!description.computePhase.success) return description.computePhase.exitCode;
  return description.actionPhase?.success ? 0 : 'action';
}

/** Balance and state of the stake, comparable as a whole. */
export async function snapshotOf({ chain, stake }: StakeWorld): Promise<{ balance: bigint; data: string }> {
  const { balance, accountState } = await chain.getContract(stake.address);
  if (accountState?.type !== 'active') return { balance, data: accountState?.type ?? 'absent' };
  return { balance, data: accountState.state.data!.hash().toString('hex') };
}

/** What the stake sent in its first transaction: value as it arrives, body, and whether it may bounce. */
export function sent(result: SendMessageResult, world: StakeWorld) {
  return [...handled(result, world).outMessages.values()].map(({ info, body }) => {
    if (info.type !== 'internal') throw new Error('the stake sends internal messages only');
    return { to: info.dest, value: info.value.coins, bounce: info.bounce, body };
  });
}

/** nanoTON that arrived from the stake at `address`, 0 when nothing was sent there. */
export function paidTo(result: SendMessageResult, world: StakeWorld, address: Address): bigint {
  return sent(result, world).reduce((sum, { to, value }) => (to.equals(address) ? sum + value : sum), 0n);
}

/** Fee of a message of the stake whose body is an opcode and a queryId, in a cell of its own. */
export const shareFee = ({ chain }: StakeWorld): bigint => forwardFee(pricesOf(chain), 1n, 96n);

/** Gas fee of the stake's first transaction. */
export const gasFeeOf = (result: SendMessageResult, world: StakeWorld): bigint =>
  feesOf(handled(result, world)).gasNano;

/** Runs `action`, which brings `value` from outside, and sees that no nanoTON appeared or went but fees. */
export async function conserved(
  world: StakeWorld,
  value: bigint,
  action: () => Promise<SendMessageResult>,
): Promise<SendMessageResult> {
  const { stake, owner, client, watcher, escrow } = world;
  const parties = [stake, owner, client, watcher, escrow].map(({ address }) => address);
  const total = async (): Promise<bigint> => {
    let sum = 0n;
    for (const address of [...parties, REGISTRY, BURN_ADDRESS]) sum += await world.balance(address);
    return sum;
  };
  const before = await total();
  const result = await action();
  const lost = before + value - (await total());
  const fees = sumFees(result.transactions).totalNano;
  if (lost !== fees) throw new Error(`the accounts lost ${lost} nanoTON, the fees are ${fees}`);
  return result;
}

const FIVE_YEARS = 157_680_000n;
/** The largest state, as in contracts/staking/parameters.tact. */
const MAX_CELLS = 395n;
const MAX_BITS = 135_000n;

const rents = new Map<string, bigint>();

/** nanoTON that a deposit keeps beyond the books: five years of rent of the largest state, from parameter 18. */
export function rentReserve({ chain }: StakeWorld): bigint {
  const known = rents.get(chain.configBase64);
  if (known !== undefined) return known;
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), chain.config);
  // storage_prices#cc utime_since:uint32 bit_price_ps:uint64 cell_price_ps:uint64 mc_bit_price_ps:uint64 ...
  const perSecond: DictionaryValue<bigint> = {
    serialize: () => undefined,
    parse: (slice) => {
      slice.skip(40);
      return MAX_BITS * slice.loadUintBig(64) + MAX_CELLS * slice.loadUintBig(64);
    },
  };
  const prices = Dictionary.loadDirect(Dictionary.Keys.Uint(32), perSecond, parameters.get(18)!);
  const latest = prices.get(Math.max(...prices.keys()))!;
  const rent = (latest * FIVE_YEARS + 0xffffn) >> 16n;
  rents.set(chain.configBase64, rent);
  return rent;
}

/** Puts a contract at `address` that throws whatever it gets. */
export async function breakAccount({ chain }: StakeWorld, address: Address): Promise<void> {
  // 333 THROW
  const code = beginCell().storeUint(0xf2c4, 16).storeUint(333, 11).endCell();
  const data = beginCell().endCell();
  const account = createShardAccount({ address, code, data, balance: 1_000_000_000n, workchain: address.workChain });
  await chain.setShardAccount(address, account);
}

/** Leaves of the account at `address` a hash and no money, as when it did not pay its rent. */
export async function freezeAccount({ chain }: StakeWorld, address: Address): Promise<void> {
  const account = createShardAccount({ address, code: new Cell(), data: new Cell(), balance: 0n, workchain: 0 });
  account.account!.storage.state = { type: 'frozen', stateHash: 12345n };
  await chain.setShardAccount(address, account);
}
