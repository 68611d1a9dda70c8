import {
  depositFees,
  keyEnd,
  MAX_KEYS,
  packAddWorkerKey,
  packDepositStake,
  packSetDescriptor,
  RENT_MARGIN,
  requiredStakeValue,
  minimumStake,
  type NetworkPrices,
  type StakeMessageKind,
} from '../../wrappers';
import type { Provider } from '../../wrappers/discovery';
import { ChainStateError } from '../../worker/errors';
import { UsageError } from '../errors';
import { formatTon } from '../output';
import { dateOf, hex, sameBytes } from './account';
import { newKeyOf, type ClaimFile } from './claim';
import type { StakeMessage } from './send';

/** Attached beyond the least value, because prices may change before the message arrives; it returns. */
const withMargin = (value: bigint): bigint => value + value / 10n;

/** What a message to the stake brings, nanoTON. */
export const messageValue = (kind: StakeMessageKind, prices: NetworkPrices): bigint =>
  withMargin(requiredStakeValue(kind, prices));

/** What a deposit of `amount` brings: itself, fees and, until the contract says it has enough, five years of rent. */
export const depositValue = (amount: bigint, prices: NetworkPrices): bigint =>
  amount + withMargin(depositFees(prices)) + RENT_MARGIN;

/** @param isFirst carries the contract's code, 50 mTON of forwarding fees: only while there is no account */
export function depositMessage(amount: bigint, isFirst: boolean, prices: NetworkPrices): StakeMessage {
  return {
    what: `deposit of ${formatTon(amount)}`,
    value: depositValue(amount, prices),
    body: (queryId) => packDepositStake(amount, queryId),
    deploy: isFirst,
  };
}

/** @throws UsageError `usage.amount-below-minimum` for a deposit that would leave the stake useless */
export function checkStakeAmount(networkId: number, after: bigint): void {
  const minimum = minimumStake(networkId);
  if (after >= minimum) return;
  throw new UsageError('usage.amount-below-minimum', 'a stake below the minimum makes no key work', {
    expected: `at least ${formatTon(minimum)} on this network`,
    received: formatTon(after),
  });
}

/** Brings the active stake to `wanted`; null when it is there. */
export function depositStep(provider: Provider | null, wanted: bigint, prices: NetworkPrices): StakeMessage | null {
  const active = provider?.status.active ?? 0n;
  return active >= wanted ? null : depositMessage(wanted - active, provider === null, prices);
}

/** A key whose end is this close is renewed, seconds. */
export const RENEW_SECONDS = 7 * 86_400;

/**
 * Adds or renews a key; null when the chain has it for long enough.
 * @throws ChainStateError `chain.sealing-key-pinned`, `chain.keys-full`, `chain.stake-too-low`; UsageError `usage.*`
 */
export function addKeyStep(
  provider: Provider,
  claim: ClaimFile,
  now: number,
  prices: NetworkPrices,
): StakeMessage | null {
  const key = newKeyOf(claim);
  const known = provider.keys.find(({ workerKey }) => sameBytes(workerKey, key.workerKey));
  if (known !== undefined && !sameBytes(known.sealingKey, key.sealingKey)) {
    throw new ChainStateError('chain.sealing-key-pinned', 'the stake has this worker key with another sealing key', {
      expected: hex(known.sealingKey),
      received: hex(key.sealingKey),
      hint: 'a worker that lost its sealing key needs a new worker key too: use a new data folder',
    });
  }
  const isLong = known !== undefined && known.removedAt === 0 && keyEnd(known) > now + RENEW_SECONDS;
  if (isLong && keyEnd(known) >= key.endUnix - RENEW_SECONDS) return null;
  if (known === undefined && provider.keys.length >= MAX_KEYS) {
    throw new ChainStateError('chain.keys-full', 'all slots for keys are taken', {
      expected: `fewer than ${MAX_KEYS} keys`,
      hint: 'cocoon provider keys prune, for those that nobody can be held to any more',
    });
  }
  if (key.endUnix <= now) {
    throw new UsageError('usage.claim', 'the key of this claim would end in the past', {
      received: dateOf(key.endUnix),
    });
  }
  const { active, minimum } = provider.status;
  if (active < minimum) {
    throw new ChainStateError('chain.stake-too-low', 'a key needs the least stake of the network', {
      expected: `at least ${formatTon(minimum)} active`,
      received: formatTon(active),
      hint: 'cocoon provider stake --amount TON',
    });
  }
  return {
    what: `${known === undefined ? 'new' : 'renewed'} worker key ${claim.workerKey}, until ${dateOf(key.endUnix)}`,
    value: messageValue('addKey', prices),
    body: (queryId) => packAddWorkerKey(key, queryId),
  };
}

/** Publishes endpoint and descriptor; null when the chain has both. */
export function descriptorStep(
  provider: Provider,
  endpoint: string,
  descriptorHash: Uint8Array,
  prices: NetworkPrices,
): StakeMessage | null {
  if (provider.endpoint === endpoint && sameBytes(provider.descriptorHash, descriptorHash)) return null;
  return {
    what: `endpoint ${endpoint}, descriptor ${hex(descriptorHash)}`,
    value: messageValue('stakeMessage', prices),
    body: (queryId) => packSetDescriptor(endpoint, descriptorHash, queryId),
  };
}
