import { type Address, beginCell, Cell } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import { type KeyClaim, keyClaimHash } from '../../protocol';
import {
  depositFees,
  type NetworkPrices,
  packAddWorkerKey,
  packDepositStake,
  packPruneWorkerKey,
  packRemoveWorkerKey,
  packReportMislabelled,
  packReportTwoReceipts,
  packSetDescriptor,
  packThawStake,
  packWithdrawStake,
  requiredStakeValue,
} from '../../wrappers';
import { NETWORK_ID, patternBytes, START } from './jobWorld';
import { DAY, signed, type StakeWorld, termsCell, WORKER } from './stakeWorld';

/** A key that the stake does not have yet. */
export const NEW_KEY = keyPairFromSeed(Buffer.alloc(32, 77));
export const SEALING_KEY = patternBytes(32, 60);
export const KEY_END = START + 30 * DAY;

/** AddWorkerKey; `said` differs from what the key signed only where `claimed` says so. */
export function addKeyBody(
  world: StakeWorld,
  key: KeyPair = WORKER,
  said: { endUnix?: number; sealingKey?: Uint8Array } = {},
  claimed: Partial<KeyClaim> = {},
): Cell {
  const { endUnix = KEY_END, sealingKey = SEALING_KEY } = said;
  const claim = { networkId: NETWORK_ID, stake: world.stake.address.hash, sealingKey, endUnix, ...claimed };
  const proof = sign(Buffer.from(keyClaimHash(claim)), key.secretKey);
  return packAddWorkerKey({ workerKey: key.publicKey, sealingKey, endUnix, proof }, 7n);
}

export const keyQueryBody = (terms: Cell, acceptance: Cell | null): Cell =>
  beginCell().storeUint(0x0c05, 32).storeRef(terms).storeMaybeRef(acceptance).endCell();

export const undeliveredBody = (client: Uint8Array, price: bigint, acceptance: Cell): Cell => {
  const head = beginCell().storeUint(0x0c07, 32).storeBuffer(Buffer.from(client)).storeCoins(price);
  return head.storeRef(acceptance).endCell();
};

/** A message of ProviderStake that works in a world as it is created, or in a full one. */
export interface StakeMessage {
  name: string;
  from: (world: StakeWorld) => Address;
  body: (world: StakeWorld) => Cell;
  /** Least value by the SDK; null when the contract asks for none and gas is all it takes. */
  least: ((prices: NetworkPrices) => bigint) | null;
  /** Slots that have to be free in a full stake. */
  freeKeys?: number;
  freeCases?: number;
  /** How long after the state was made, seconds. */
  later?: number;
}

const owner = (world: StakeWorld): Address => world.owner.address;
const watcher = (world: StakeWorld): Address => world.watcher.address;
const escrow = (world: StakeWorld): Address => world.escrow.address;
const leastOf =
  (kind: Parameters<typeof requiredStakeValue>[0]) =>
  (prices: NetworkPrices): bigint =>
    requiredStakeValue(kind, prices);

/** One of each message, and of those whose cost differs. The rent reserve is there, so a deposit brings none. */
export const STAKE_MESSAGES: StakeMessage[] = [
  {
    name: 'DepositStake',
    from: watcher,
    body: () => packDepositStake(5n, 7n),
    least: (prices) => 5n + depositFees(prices),
  },
  { name: 'ThawStake', from: owner, body: () => packThawStake(5n, 7n), least: leastOf('stakeMessage') },
  { name: 'WithdrawStake', from: owner, body: () => packWithdrawStake(7n), least: leastOf('stakeMessage') },
  {
    name: 'AddWorkerKey',
    from: owner,
    body: (world) => addKeyBody(world, NEW_KEY),
    least: leastOf('addKey'),
    freeKeys: 1,
  },
  {
    name: 'AddWorkerKey, renewal',
    from: owner,
    body: (world) => addKeyBody(world, WORKER, { endUnix: KEY_END + 1 }),
    least: leastOf('addKey'),
  },
  {
    name: 'RemoveWorkerKey',
    from: owner,
    body: () => packRemoveWorkerKey(WORKER.publicKey, 7n),
    least: leastOf('stakeMessage'),
  },
  {
    name: 'PruneWorkerKey',
    from: watcher,
    body: () => packPruneWorkerKey(WORKER.publicKey, 7n),
    least: null,
    later: 40 * DAY,
  },
  {
    name: 'SetDescriptor',
    from: owner,
    body: () => packSetDescriptor('b'.repeat(83), patternBytes(32, 5), 7n),
    least: leastOf('stakeMessage'),
  },
  {
    name: 'KeyQuery',
    from: escrow,
    body: (world) => {
      const terms = world.terms({ coverage: 1n });
      return keyQueryBody(termsCell(terms), world.acceptance(terms));
    },
    least: leastOf('keyQuery'),
  },
  {
    name: 'Undelivered',
    from: escrow,
    body: (world) => undeliveredBody(world.client.address.hash, 9n, world.acceptance(world.terms())),
    least: null,
  },
  {
    name: 'ReportTwoReceipts',
    from: watcher,
    body: (world) => {
      const first = world.receipt(world.terms());
      const second = { ...first, responseCommit: patternBytes(32, 99) };
      const terms = termsCell(world.terms());
      return packReportTwoReceipts({ terms, first: signed(first), second: signed(second) }, 7n);
    },
    least: leastOf('evidence'),
    freeCases: 1,
  },
  {
    name: 'ReportMislabelled',
    from: watcher,
    body: (world) => {
      const terms = world.terms({ tier: 1 });
      return packReportMislabelled(termsCell(terms), signed(world.receipt(terms)), 7n);
    },
    least: leastOf('evidence'),
    freeCases: 1,
  },
];

export const stakeMessage = (name: string): StakeMessage => STAKE_MESSAGES.find((message) => message.name === name)!;
