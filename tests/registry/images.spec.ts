import { beginCell, toNano } from '@ton/core';
import { Blockchain, type SendMessageResult } from '@ton/sandbox';
import { AttestationRegistry, LAPSE_SECONDS, NOTICE_SECONDS, packProposeImage, REGISTRY_ERRORS } from '../../wrappers';
import { NETWORK_ID, START } from '../support/jobWorld';

const image = new Uint8Array(32).fill(7);
const value = toNano('1');

async function registryWorld() {
  const chain = await Blockchain.create();
  chain.now = START;
  const [governor, guardian, stranger] = await chain.createWallets(3);
  const registry = chain.openContract(
    await AttestationRegistry.fromGovernance({
      networkId: NETWORK_ID,
      governor: governor.address,
      guardian: guardian.address,
      builders: [],
      threshold: 0,
    }),
  );
  await registry.sendTopUp(governor.getSender(), { value: toNano('2') });
  const exit = async (sent: Promise<SendMessageResult>) => {
    const handled = (await sent).transactions.find((tx) => String(tx.inMessage?.info.dest) === String(registry.address));
    const description = handled?.description;
    if (description?.type !== 'generic' || description.computePhase.type !== 'vm') throw new Error('not handled');
    return description.computePhase.exitCode;
  };
  return { chain, governor, guardian, stranger, registry, exit };
}

describe('Images of the registry', () => {
  it.each([
    ['a second before the notice is over', NOTICE_SECONDS - 1, REGISTRY_ERRORS.notActionable],
    ['when the notice is over', NOTICE_SECONDS, 0],
    ['in the last second before the lapse', NOTICE_SECONDS + LAPSE_SECONDS - 1, 0],
    ['when it lapsed', NOTICE_SECONDS + LAPSE_SECONDS, REGISTRY_ERRORS.notActionable],
  ])('activates %s or not', async (_, later, code) => {
    const { chain, governor, stranger, registry, exit } = await registryWorld();
    const proposed = registry.sendProposeImage(governor.getSender(), { value, imageHash: image, claims: 1 });
    expect(await exit(proposed)).toBe(0);
    chain.now = START + later;
    expect(await exit(registry.sendActivateImage(stranger.getSender(), { value, imageHash: image }))).toBe(code);
    expect(await registry.isEffective(image)).toBe(code === 0);
  });

  it('are proposed by the governor alone, and revoked at once by the guardian; only that raises the epoch', async () => {
    const { chain, governor, guardian, stranger, registry, exit } = await registryWorld();
    const propose = { value, imageHash: image, claims: 1 };
    expect(await exit(registry.sendProposeImage(guardian.getSender(), propose))).toBe(REGISTRY_ERRORS.notGovernor);
    await registry.sendProposeImage(governor.getSender(), propose);
    chain.now = START + NOTICE_SECONDS;
    await registry.sendActivateImage(stranger.getSender(), { value, imageHash: image });
    const revoke = { value, imageHash: image };
    expect(await exit(registry.sendRevokeImage(stranger.getSender(), revoke))).toBe(REGISTRY_ERRORS.notGuardian);
    expect(await registry.getEpoch()).toBe(0);
    expect(await exit(registry.sendRevokeImage(guardian.getSender(), revoke))).toBe(0);
    await registry.sendRevokeImage(guardian.getSender(), revoke);
    expect(await registry.getEpoch()).toBe(1);
    expect(await registry.isEffective(image)).toBe(false);
  });

  it('are refused with a message that is too short', async () => {
    const { governor, registry } = await registryWorld();
    const short = packProposeImage(image, 1).beginParse().loadBits(200);
    await governor.send({ to: registry.address, value, body: beginCell().storeBits(short).endCell() });
    expect(await registry.getImage(image)).toBeNull();
  });
});
