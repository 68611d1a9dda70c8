import { accountableSeconds, keyEnd, packPruneWorkerKey, packRemoveWorkerKey } from '../../wrappers';
import { ChainStateError } from '../../worker/errors';
import type { Output } from '../output';
import { dateOf, hex, keyState, requireStake, sameBytes, type KeyState, type StakeAccount } from './account';
import type { ClaimFile } from './claim';
import { noStake } from './money';
import { stepStake, type StepResult } from './send';
import { addKeyStep, messageValue } from './steps';

export interface ShownKey {
  workerKey: string;
  sealingKey: string;
  state: KeyState;
  fromUnix: number;
  /** From here on it signs nothing valid any more. */
  endUnix: number;
  /** From here on its slot can be freed. */
  prunableUnix: number;
}

export function showKeys(keys: Parameters<typeof keyState>[0][], now: number): ShownKey[] {
  return keys.map((record) => ({
    workerKey: hex(record.workerKey),
    sealingKey: hex(record.sealingKey),
    state: keyState(record, now),
    fromUnix: record.fromUnix,
    endUnix: keyEnd(record),
    prunableUnix: keyEnd(record) + accountableSeconds(record),
  }));
}

export const describeKey = (key: ShownKey): string =>
  `${key.workerKey} ${key.state.padEnd(11)} until ${dateOf(key.endUnix)}`;

/** Adds or renews a key of this owner's stake; nothing happens when it is there for long enough. */
export async function addKey(account: StakeAccount, output: Output, claim: ClaimFile): Promise<StepResult> {
  const prices = await account.chain.networkPrices();
  const { apiTime } = await account.chain.getAccount(account.wallet.address);
  return stepStake(account, output, (current) => {
    if (current === null) throw noStake(account);
    return addKeyStep(current, claim, apiTime, prices);
  });
}

/** Ends a key after an hour; nothing happens when it was removed before. @throws ChainStateError `chain.key-unknown` */
export async function removeKey(account: StakeAccount, output: Output, workerKey: Buffer): Promise<StepResult> {
  const prices = await account.chain.networkPrices();
  return stepStake(account, output, (current) => {
    if (current === null) throw noStake(account);
    const record = current.keys.find((key) => sameBytes(key.workerKey, workerKey));
    if (record === undefined) throw unknownKey(workerKey);
    if (record.removedAt !== 0) return null;
    return {
      what: `removal of worker key ${hex(workerKey)}, which works one more hour and stays accountable for 10 days`,
      value: messageValue('stakeMessage', prices),
      body: (queryId) => packRemoveWorkerKey(workerKey, queryId),
    };
  });
}

/**
 * Frees the slots of keys that nobody can be held to any more.
 * @param workerKey one key, or all that can be pruned when undefined
 * @throws ChainStateError `chain.key-unknown`, `chain.key-accountable`
 */
export async function pruneKeys(account: StakeAccount, output: Output, workerKey?: Buffer): Promise<string[]> {
  const { keys } = await requireStake(account);
  const { apiTime } = await account.chain.getAccount(account.stake.address);
  const shown = showKeys(keys, apiTime);
  let chosen = shown.filter(({ state }) => state === 'prunable');
  if (workerKey !== undefined) {
    const one = shown.find((key) => key.workerKey === hex(workerKey));
    if (one === undefined) throw unknownKey(workerKey);
    if (one.state !== 'prunable') {
      throw new ChainStateError('chain.key-accountable', 'the key can still be held to its receipts', {
        expected: `${dateOf(one.prunableUnix)} or later`,
        received: `${one.workerKey}, which ends at ${dateOf(one.endUnix)}`,
      });
    }
    chosen = [one];
  }
  const prices = await account.chain.networkPrices();
  for (const { workerKey: name } of chosen) {
    const key = Buffer.from(name, 'hex');
    await stepStake(account, output, (current) =>
      current === null || !current.keys.some((record) => sameBytes(record.workerKey, key))
        ? null
        : {
            what: `pruning of worker key ${name}`,
            value: messageValue('stakeMessage', prices),
            body: (queryId) => packPruneWorkerKey(key, queryId),
          },
    );
  }
  return chosen.map((key) => key.workerKey);
}

const unknownKey = (workerKey: Uint8Array): ChainStateError =>
  new ChainStateError('chain.key-unknown', 'the stake has no such worker key', {
    received: hex(workerKey),
    hint: 'cocoon provider keys list',
  });
