import { beginCell, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import { keyClaimHash } from '../../protocol';
import {
  Claim,
  KEY_STATUS,
  NOTICE_SECONDS,
  packAddWorkerKey,
  packProposeImage,
  ProviderStake,
  REGISTRY_ERRORS as ERRORS,
} from '../../wrappers';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { exitCode, StakeWorld, WORKER } from '../support/stakeWorld';
import { BUILDERS, DAY, imageHash, RegistryWorld, VALUE } from './registryWorld';

describe('claims of images', () => {
  it('finding 48: exactly one way to keep the prompt inside, and nothing that is not known', async () => {
    const world = await RegistryWorld.create();
    const unknown = [64, 65, 66, 127, 128, 129, 130, 191, 192, 255];
    const all = [...Array.from({ length: 64 }, (_, claims) => claims), ...unknown];
    for (const claims of all) {
      const ways = [Claim.cpuOnly, Claim.gpuConfidential].filter((way) => claims & way).length;
      const expected = claims < 64 && ways === 1 ? 0 : ERRORS.badClaims;
      const result = await world.send(world.governor.address, packProposeImage(imageHash(claims), claims));
      expect({ claims, code: exitCode(result, world.address) }).toEqual({ claims, code: expected });
    }
    expect(await world.registry.getImages()).toHaveLength(32);
  });

  it('finding 48: builders cannot sign past that either, and their claims are the ones that are listed', async () => {
    const world = await RegistryWorld.create();
    const propose = (claims: number) => {
      const built = world.built(imageHash(claims), BUILDERS.slice(0, 2), {}, claims);
      return world.exit(world.registry.sendProposeBuiltImage(world.stranger.getSender(), { value: VALUE, ...built }));
    };
    for (const claims of [0, 3, 4, 60, 63, 65, 255]) expect(await propose(claims)).toBe(ERRORS.badClaims);
    expect(await propose(62)).toBe(0);
    expect((await world.registry.getImage(imageHash(62)))!.claims).toBe(62);
  });

  it('finding 48: an image in force makes no key attested: what its owner adds is bonded, whatever follows in the message', async () => {
    const world = await RegistryWorld.create();
    await world.propose(1);
    world.later(NOTICE_SECONDS);
    await world.activate(1);
    const owner = world.stranger;
    const parameters = { networkId: NETWORK_ID, registry: world.address, owner: owner.address };
    const stake = world.chain.openContract(await ProviderStake.fromOwner(parameters));
    await stake.sendDeposit(owner.getSender(), { value: toNano('103'), amount: toNano('100') });
    const sealingKey = patternBytes(32, 60);
    const endUnix = world.now + 30 * DAY;
    const claim = { networkId: NETWORK_ID, stake: stake.address.hash, sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
    const key = packAddWorkerKey({ workerKey: WORKER.publicKey, sealingKey, endUnix, proof });
    // A tier and an image behind the message, where a later version might read them.
    const image = beginCell().storeUint(1, 3).storeBuffer(Buffer.from(imageHash(1))).storeUint(1, 8).endCell();
    const attested = beginCell().storeSlice(key.beginParse()).storeUint(1, 3).storeRef(image).endCell();
    for (const body of [attested, key]) {
      await owner.send({ to: stake.address, value: toNano('1'), body });
      const [record] = await stake.getWorkerKeys();
      const nothing = new Uint8Array(32);
      expect(record).toMatchObject({ tier: 0, claims: 0, tcbStatus: 0, revocationEpoch: 0 });
      expect(Buffer.from(record.imageHash).equals(nothing)).toBe(true);
    }
  });

  it('finding 48: a stake does not stand for terms that ask for an attested key or for an image', async () => {
    const world = await StakeWorld.create();
    expect(await world.query(world.terms())).toBe(KEY_STATUS.fine);
    for (const tier of [1, 2, 3, 7]) expect(await world.query(world.terms({ tier }))).toBe(KEY_STATUS.otherTier);
    expect(await world.query(world.terms({ imageHash: imageHash(1) }))).toBe(KEY_STATUS.otherImage);
  });
});
