import { Address, beginCell, Cell, contractAddress, Dictionary, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { internal, type SendMessageResult } from '@ton/sandbox';
import { type KeyRecord, ProviderStake as Generated } from '../../build/Suite/Suite_ProviderStake';
import { keyClaimHash } from '../../protocol';
import {
  minimumStake,
  OP_PROVIDER_ACTIVE,
  packDepositStake,
  ProviderStake,
  providerStakeCode,
  REGISTRY_ERRORS as ERRORS,
} from '../../wrappers';
import { discoverProviders } from '../../wrappers/discovery';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { exitCode } from '../support/stakeWorld';
import { handled, RegistryWorld } from './registryWorld';

const WORKER = keyPairFromSeed(Buffer.alloc(32, 2));
const MINIMUM = minimumStake(NETWORK_ID);

describe('announcements of accounts that are no stake of this registry', () => {
  let world: RegistryWorld;
  let owner: Address;
  beforeEach(async () => {
    world = await RegistryWorld.create();
    owner = world.stranger.address;
  });

  const announcing = (of: Address): Cell => beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(of).endCell();
  /** Refused, returned, nothing logged. */
  function refused(result: SendMessageResult, by: Address): void {
    expect(exitCode(result, world.address)).toBe(ERRORS.notAStake);
    expect(result.externals).toEqual([]);
    const back = handled(result, by, world.address)!.inMessage!.info;
    expect(back.type === 'internal' && back.bounced).toBe(true);
  }
  const stakeOf = async (changes: Partial<{ networkId: number; registry: Address; owner: Address }> = {}) =>
    (await ProviderStake.fromOwner({ networkId: NETWORK_ID, registry: world.address, owner, ...changes })).address;

  it('finding 37: wallets and stakes of others are not logged', async () => {
    const elsewhere = new Address(0, Buffer.alloc(32, 9));
    const fakes = [
      owner,
      world.governor.address,
      await stakeOf({ registry: elsewhere }),
      await stakeOf({ networkId: -3 }),
      await stakeOf({ owner: world.next.address }),
      new Address(-1, (await stakeOf()).hash),
    ];
    for (const fake of fakes) refused(await world.send(fake, announcing(owner)), fake);
    const genuine = await world.send(await stakeOf(), announcing(owner));
    expect([exitCode(genuine, world.address), genuine.externals.length]).toEqual([0, 1]);
  });

  it('finding 11: a real stake of another network is not logged, and gets its money back', async () => {
    const stake = world.chain.openContract(
      await ProviderStake.fromOwner({ networkId: -3, registry: world.address, owner }),
    );
    const by = world.stranger.getSender();
    await stake.sendDeposit(by, { value: toNano('5'), amount: toNano('1') });
    const sealingKey = patternBytes(32, 60);
    const endUnix = world.now + 1000;
    const claim = { networkId: -3, stake: stake.address.hash, sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
    const value = toNano('1');
    const sent = await stake.sendAddWorkerKey(by, { value, workerKey: WORKER.publicKey, sealingKey, endUnix, proof });
    expect(exitCode(sent, stake.address)).toBe(0);
    refused(sent, stake.address);
  });

  it('finding 37: a stake of the right code that began with money and a key in its books is not logged', async () => {
    const record: KeyRecord = {
      $$type: 'KeyRecord',
      sealingKey: 1n,
      tier: 1n,
      imageHash: 1n,
      claims: 1n,
      tcbStatus: 0n,
      revocationEpoch: 0n,
      fromUnix: 0n,
      endUnix: BigInt(world.now + 1_000_000),
      removedAt: 0n,
    };
    const keys = Dictionary.empty<bigint, KeyRecord>().set(7n, record);
    const coverage = { $$type: 'Coverage', days: Dictionary.empty<number, bigint>() } as const;
    const convictions = Dictionary.empty<bigint, boolean>();
    const books = [MINIMUM, 0n, 0n, 0n, 0n] as const;
    const { init } = await Generated.fromInit(
      ...([BigInt(NETWORK_ID), world.address, owner] as const),
      ...books,
      false,
      1n,
      keys,
      coverage,
      0n,
      convictions,
      0n,
      0n,
      null,
    );
    expect(init!.code.equals(await providerStakeCode())).toBe(true);
    const fake = contractAddress(0, init!);
    const body = packDepositStake(MINIMUM);
    const deposit = internal({ from: owner, to: fake, value: toNano('60'), bounce: true, body, stateInit: init! });
    const sent = await world.chain.sendMessage(deposit);
    expect(exitCode(sent, fake)).toBe(0);
    refused(sent, fake);
  });

  it('finding 37: no stake can announce another owner than its own', async () => {
    const stake = await stakeOf();
    refused(await world.send(stake, announcing(world.next.address)), stake);
  });

  it('a truncated announcement is refused also from a stake', async () => {
    const stake = await stakeOf();
    const whole = announcing(owner);
    for (const length of [32, 40, 43, whole.bits.length - 1]) {
      const short = beginCell().storeBits(whole.bits.substring(0, length)).endCell();
      const result = await world.send(stake, short);
      expect(exitCode(result, world.address)).toBe(9);
      expect(result.externals).toEqual([]);
    }
  });

  it('an owner in the masterchain is logged and breaks no directory', async () => {
    const odd = new Address(-1, Buffer.alloc(32, 3));
    const oddStake = await world.registry.getStakeOf(odd);
    const sent = [await world.send(oddStake, announcing(odd)), await world.send(await stakeOf(), announcing(owner))];
    expect(sent.map(({ externals }) => externals.length)).toEqual([1, 1]);
    const transactions = sent.map((result) => handled(result, world.address)!).reverse();
    const history = {
      getTransactions: async () => transactions,
      provider: (address: Address) => world.chain.provider(address),
    };
    const found = await discoverProviders(history, { networkId: NETWORK_ID, registry: world.address });
    // Announced here without an account behind it, so it cannot be read; but it was looked for.
    expect(found.unreadable.map(String)).toEqual([String(await stakeOf())]);
  });
});
