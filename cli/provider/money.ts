import { packThawStake, packWithdrawStake, THAW_SECONDS } from '../../wrappers';
import { freeStake } from '../../wrappers/discovery';
import { ChainStateError } from '../../worker/errors';
import { WALLET_RESERVE } from '../client/wallet';
import { UsageError } from '../errors';
import { formatTon, type Output } from '../output';
import { chainTime, dateOf, keyState, type StakeAccount } from './account';
import { stepStake, type StepResult } from './send';
import { checkStakeAmount, depositMessage, depositValue, messageValue } from './steps';

/** @throws ChainStateError `chain.low-balance` unless the owner's wallet has `value` and its own fees */
export async function requireMoney({ chain, wallet }: StakeAccount, value: bigint): Promise<void> {
  const { balance } = await chain.getAccount(wallet.address);
  if (value === 0n || balance >= value + WALLET_RESERVE) return;
  throw new ChainStateError('chain.low-balance', "the owner's wallet has too little", {
    expected: `at least ${formatTon(value + WALLET_RESERVE)}; what the stake does not need returns`,
    received: `${formatTon(balance)} on ${wallet.address.toString({ bounceable: false })}`,
    hint: 'send TON to this address (devnet: cocoon devnet faucet)',
  });
}

/** Adds `amount` nanoTON to the active stake. */
export async function deposit(account: StakeAccount, output: Output, amount: bigint): Promise<StepResult> {
  if (amount === 0n) throw new UsageError('usage.amount', '--amount is nothing', { expected: 'more than 0' });
  const prices = await account.chain.networkPrices();
  await requireMoney(account, depositValue(amount, prices));
  return stepStake(account, output, (current) => {
    checkStakeAmount(account.networkId, (current?.status.active ?? 0n) + amount);
    return depositMessage(amount, current === null, prices);
  });
}

/**
 * Starts the clock of `amount` nanoTON, or of all that is free.
 * @throws UsageError `usage.amount-above-free`, `usage.thaw-ends-keys`
 */
export async function thaw(
  account: StakeAccount,
  output: Output,
  amount: bigint | 'all',
  endKeys: boolean,
): Promise<StepResult> {
  const prices = await account.chain.networkPrices();
  const now = await chainTime(account);
  return stepStake(account, output, (current) => {
    if (current === null) throw noStake(account);
    const { status, keys } = current;
    const free = freeStake(status);
    const wanted = amount === 'all' ? free : amount;
    if (wanted === 0n || wanted > free) {
      throw new UsageError('usage.amount-above-free', 'this amount cannot thaw', {
        expected: `more than 0 and at most ${formatTon(free)}; ${formatTon(status.reserved)} cover accepted jobs`,
        received: formatTon(wanted),
      });
    }
    const isWorking = keys.some((key) => /works|ending/.test(keyState(key, now)));
    if (status.active - wanted < status.minimum && isWorking && !endKeys) {
      throw new UsageError('usage.thaw-ends-keys', 'this thaw would end all keys at once', {
        expected: `at least ${formatTon(status.minimum)} stay active`,
        received: `${formatTon(status.active - wanted)} would`,
        hint: 'give --end-keys to stop being a provider',
      });
    }
    if (status.thawing > 0n) {
      output.progress(`restarts the clock of ${formatTon(status.thawing)} that thaw until ${dateOf(status.thawedAt)}`);
    }
    return {
      what: `thaw of ${formatTon(wanted)}, slashable for ${THAW_SECONDS / 86_400} more days and until it is withdrawn`,
      value: messageValue('stakeMessage', prices),
      body: (queryId) => packThawStake(wanted, queryId),
    };
  });
}

/** Pays what has thawed to the owner. @throws ChainStateError `chain.nothing-thawed`, `chain.still-thawing` */
export async function withdraw(
  account: StakeAccount,
  output: Output,
): Promise<StepResult & { amountNano: bigint; closed: boolean }> {
  const prices = await account.chain.networkPrices();
  let amountNano = 0n;
  let closed = false;
  const { apiTime } = await account.chain.getAccount(account.stake.address);
  const result = await stepStake(account, output, (current) => {
    if (current === null) throw noStake(account);
    const { thawing, thawedAt, active, minimum, keyCount } = current.status;
    closed = keyCount === 0 && active < minimum;
    if (thawing === 0n && !closed) {
      throw new ChainStateError('chain.nothing-thawed', 'nothing thaws', {
        received: `${formatTon(active)} active, ${keyCount} keys`,
        hint: 'cocoon provider thaw --amount TON',
      });
    }
    if (apiTime < thawedAt) {
      throw new ChainStateError('chain.still-thawing', 'the stake still thaws', {
        expected: `${dateOf(thawedAt)} or later`,
        received: `${formatTon(thawing)} that thaw`,
      });
    }
    amountNano = closed ? thawing + active : thawing;
    return {
      what: closed
        ? `withdrawal of ${formatTon(amountNano)} and of the rent reserve; the stake's account ends`
        : `withdrawal of ${formatTon(thawing)}`,
      value: messageValue('stakeMessage', prices),
      body: (queryId) => packWithdrawStake(queryId),
    };
  });
  return { ...result, amountNano, closed };
}

export const noStake = ({ wallet }: StakeAccount): ChainStateError =>
  new ChainStateError('chain.no-stake', 'this owner has no stake yet', {
    received: `owner ${wallet.address.toRawString()}`,
    hint: 'cocoon provider init',
  });
