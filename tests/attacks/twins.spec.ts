import { Address, beginCell, toNano } from '@ton/core';
import { internal } from '@ton/sandbox';
import {
  packAddWorkerKey,
  packThawStake,
  parseProviderActivated,
  ProviderStake,
  REGISTRY_ERRORS,
} from '../../wrappers';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { exitCode, STAKE, StakeWorld } from '../support/stakeWorld';
import { RegistryWorld } from '../registry/registryWorld';

/** The account with the same hash in the masterchain, where anybody can deploy the same StateInit. */
const twinOf = (address: Address): Address => new Address(-1, address.hash);

describe('twins in the masterchain', () => {
  it('finding 37: the registry logs a stake of this registry and not its twin', async () => {
    const world = await RegistryWorld.create();
    const owner = world.stranger.address;
    const stake = await ProviderStake.fromOwner({ networkId: NETWORK_ID, registry: world.address, owner });
    const body = beginCell().storeUint(0x0c19, 32).storeAddress(owner).endCell();
    const announce = async (from: Address) => {
      const result = await world.send(from, body);
      const logs = result.externals.map((message) => parseProviderActivated(message.body));
      return { code: exitCode(result, world.address), logs };
    };
    expect(await announce(twinOf(stake.address))).toEqual({ code: REGISTRY_ERRORS.notAStake, logs: [] });
    const { code, logs } = await announce(stake.address);
    expect(code).toBe(0);
    expect(logs.map((log) => log?.stake.toRawString())).toEqual([stake.address.toRawString()]);
  });

  it('an owner\'s twin owns nothing', async () => {
    const world = await StakeWorld.create();
    const keys = { workerKey: patternBytes(32), sealingKey: patternBytes(32) };
    const key = { ...keys, endUnix: world.now + 9, proof: patternBytes(64) };
    for (const body of [packThawStake(1n), packAddWorkerKey(key)]) {
      const money = { value: toNano('1'), bounce: false };
      const info = { from: twinOf(world.owner.address), to: world.stake.address, ...money, body };
      expect(exitCode(await world.chain.sendMessage(internal(info)), world.stake.address)).toBe(711);
    }
    expect((await world.stake.getStatus()).active).toBe(STAKE);
  });
});
