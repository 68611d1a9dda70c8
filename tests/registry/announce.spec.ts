import { Address, beginCell, type Message, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import { internal, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { keyClaimHash } from '../../protocol';
import {
  minimumStake,
  packAddWorkerKey,
  parseProviderActivated,
  ProviderStake,
  REGISTRY_ERRORS as ERRORS,
} from '../../wrappers';
import { multiplyPrices } from '../support/config';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { exitCode } from '../support/stakeWorld';
import { DAY, handled, RegistryWorld, VALUE } from './registryWorld';

const WORKER = keyPairFromSeed(Buffer.alloc(32, 2));
const MINIMUM = minimumStake(NETWORK_ID);

/** What the registry logged, as somebody who reads the chain's history sees it. */
const logged = (result: SendMessageResult) => result.externals.map(({ body }) => parseProviderActivated(body));

describe('announcements of real stakes', () => {
  let world: RegistryWorld;
  let owner: SandboxContract<TreasuryContract>;
  let stake: SandboxContract<ProviderStake>;

  beforeEach(async () => {
    world = await RegistryWorld.create();
    owner = world.stranger;
    const parameters = { networkId: NETWORK_ID, registry: world.address, owner: owner.address };
    stake = world.chain.openContract(await ProviderStake.fromOwner(parameters));
  });

  const deposit = (amount: bigint) =>
    stake.sendDeposit(owner.getSender(), { value: amount + toNano('3'), amount });
  const thaw = (amount: bigint) => stake.sendThaw(owner.getSender(), { value: VALUE, amount });

  function newKey(key: KeyPair = WORKER, endUnix = world.now + 30 * DAY) {
    const sealingKey = patternBytes(32, 60);
    const claim = { networkId: NETWORK_ID, stake: stake.address.hash, sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), key.secretKey);
    return { workerKey: key.publicKey, sealingKey, endUnix, proof };
  }
  const addKey = (key = WORKER) => stake.sendAddWorkerKey(owner.getSender(), { value: VALUE, ...newKey(key) });

  it('are logged once, when stake and key are there, with what a directory needs', async () => {
    expect(logged(await deposit(MINIMUM))).toEqual([]);
    const before = await world.balance();
    const active = await addKey();
    expect(active.externals).toHaveLength(1);
    const [log] = active.externals;
    expect(log.info.src.equals(world.address)).toBe(true);
    expect(log.info.dest ?? null).toBeNull();
    const expected = beginCell().storeUint(0x0c28, 32).storeAddress(owner.address).storeAddress(stake.address);
    expect(log.body.equals(expected.endCell())).toBe(true);
    expect(String(logged(active)[0]!.stake)).toBe(String(stake.address));
    expect(await world.balance()).toBe(before);
    expect(handled(active, owner.address, world.address)).toBeDefined();
    const second = keyPairFromSeed(Buffer.alloc(32, 3));
    for (const more of [() => addKey(), () => deposit(MINIMUM), () => addKey(second)]) {
      expect(logged(await more())).toEqual([]);
    }
  });

  it('are not logged a nanoTON below the minimum, where no key is taken', async () => {
    await deposit(MINIMUM - 1n);
    expect(logged(await addKey())).toEqual([]);
    expect(logged(await deposit(1n))).toEqual([]);
    expect(logged(await addKey())).toHaveLength(1);
  });

  it('are logged again when the stake fell below the minimum and came back, and not for less', async () => {
    await deposit(MINIMUM + 5n);
    expect(logged(await addKey())).toHaveLength(1);
    await thaw(5n);
    expect(logged(await deposit(5n))).toEqual([]);
    await thaw(6n);
    expect(logged(await deposit(1n))).toHaveLength(1);
    expect(logged(await deposit(1n))).toEqual([]);
  });

  it('are logged again when the last key was pruned and another one came', async () => {
    await deposit(MINIMUM * 2n);
    await addKey();
    world.later(50 * DAY);
    const pruned = await stake.sendPruneWorkerKey(owner.getSender(), { value: VALUE, workerKey: WORKER.publicKey });
    expect(exitCode(pruned, stake.address)).toBe(0);
    expect(logged(await addKey())).toHaveLength(1);
  });

  it('return when no registry is there, and come again with the next message', async () => {
    const { accountState } = await world.chain.getContract(world.address);
    if (accountState?.type !== 'active') throw new Error('the registry is not active');
    const parameters = { networkId: -3, registry: new Address(0, Buffer.alloc(32, 7)), owner: owner.address };
    const lonely = world.chain.openContract(await ProviderStake.fromOwner(parameters));
    const value = toNano('5');
    const first = await lonely.sendDeposit(owner.getSender(), { value, amount: toNano('1') });
    expect(exitCode(first, lonely.address)).toBe(0);
    const sealingKey = patternBytes(32, 60);
    const endUnix = world.now + DAY;
    const claim = { networkId: -3, stake: lonely.address.hash, sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
    const key = { value, workerKey: WORKER.publicKey, sealingKey, endUnix, proof };
    for (let time = 0; time < 2; time++) {
      const tried = await lonely.sendAddWorkerKey(owner.getSender(), key);
      const returned = handled(tried, lonely.address, parameters.registry)!.inMessage!.info;
      expect(returned.type === 'internal' && returned.bounced).toBe(true);
      const { active, thawing } = await lonely.getStatus();
      expect(await world.balance(lonely.address)).toBeGreaterThan(active + thawing);
    }
  });

  it('return when prices rose on the way and they do not suffice, and come again with the next message', async () => {
    await deposit(MINIMUM);
    const message: Message = internal({
      from: owner.address,
      to: stake.address,
      value: VALUE,
      bounce: true,
      body: packAddWorkerKey(newKey()),
    });
    const config = world.chain.config;
    const seen = [];
    for await (const transaction of await world.chain.sendMessageIter(message)) {
      seen.push(transaction);
      if (seen.length === 1) world.chain.setConfig(multiplyPrices(config, 2n));
    }
    world.chain.setConfig(config);
    const result = { transactions: seen } as unknown as SendMessageResult;
    expect(exitCode(result, world.address)).toBe(ERRORS.valueTooLow);
    const back = handled(result, stake.address, world.address)!.inMessage!.info;
    expect(back.type === 'internal' && back.bounced).toBe(true);
    expect(logged(await addKey())).toHaveLength(1);
    expect(logged(await addKey())).toEqual([]);
  });
});
