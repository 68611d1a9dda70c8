import type { SendMessageResult } from '@ton/sandbox';
import {
  LAPSE_SECONDS,
  MAX_IMAGES,
  NOTICE_SECONDS,
  packProposeImage,
  REGISTRY_ERRORS as ERRORS,
  REVOKED_SECONDS,
} from '../../wrappers';
import { START } from '../support/jobWorld';
import { DAY, imageHash, RegistryWorld, VALUE } from './registryWorld';

const YEAR = 365 * DAY;

describe('Images of the registry', () => {
  let world: RegistryWorld;
  beforeEach(async () => void (world = await RegistryWorld.create()));
  const code = (sent: Promise<SendMessageResult>) => world.exit(sent);
  const isEffective = (index = 1) => world.registry.isEffective(imageHash(index));
  const image = (index = 1) => world.registry.getImage(imageHash(index));
  const epoch = () => world.registry.getEpoch();

  /** Proposed, waited for and activated. */
  async function putInForce(index = 1): Promise<void> {
    await world.propose(index);
    world.later(NOTICE_SECONDS);
    expect(await code(world.activate(index))).toBe(0);
  }

  it.each([
    ['at once', 0, ERRORS.notActionable],
    ['a second before the notice is over', NOTICE_SECONDS - 1, ERRORS.notActionable],
    ['when the notice is over', NOTICE_SECONDS, 0],
    ['in the last second before the lapse', NOTICE_SECONDS + LAPSE_SECONDS - 1, 0],
    ['when it lapsed', NOTICE_SECONDS + LAPSE_SECONDS, ERRORS.notActionable],
    ['ten years later', 10 * YEAR, ERRORS.notActionable],
  ])('finding 52: are activated or not, %s', async (_, later, expected) => {
    expect(await code(world.propose(1))).toBe(0);
    expect(await isEffective()).toBe(false);
    world.later(later);
    expect(await code(world.activate(1))).toBe(expected);
    expect(await isEffective()).toBe(expected === 0);
    const effectiveFrom = expected === 0 ? START + later : 0;
    expect(await image()).toEqual({ claims: 1, proposedAt: START, effectiveFrom, revokedAt: 0 });
  });

  it.each([
    ['a second before it lapses', NOTICE_SECONDS + LAPSE_SECONDS - 1, ERRORS.notPrunable],
    ['when it lapsed', NOTICE_SECONDS + LAPSE_SECONDS, 0],
  ])('a proposal leaves its slot or not, %s', async (_, later, expected) => {
    await world.propose(1);
    world.later(later);
    expect(await code(world.prune(1))).toBe(expected);
    expect((await image()) === null).toBe(expected === 0);
  });

  it('a proposal that was revoked leaves its slot at once: no key is of it', async () => {
    await world.propose(1);
    expect(await code(world.prune(1))).toBe(ERRORS.notPrunable);
    await world.revoke(1);
    expect(await code(world.prune(1))).toBe(0);
    expect(await image()).toBeNull();
  });

  it('an image that was revoked stays listed for REVOKED_SECONDS, to the second', async () => {
    await putInForce();
    await world.revoke(1);
    const revokedAt = world.now;
    world.later(REVOKED_SECONDS - 1);
    expect(await code(world.prune(1))).toBe(ERRORS.notPrunable);
    expect(await code(world.propose(1))).toBe(ERRORS.imageKnown);
    expect((await image())!.revokedAt).toBe(revokedAt);
    world.later(1);
    expect(await code(world.prune(1))).toBe(0);
    expect(await image()).toBeNull();
  });

  it('in force never leave their slots by age, nobody can prune them', async () => {
    await putInForce();
    for (const later of [LAPSE_SECONDS, REVOKED_SECONDS, 10 * YEAR]) {
      world.later(later);
      expect(await code(world.prune(1))).toBe(ERRORS.notPrunable);
      expect(await isEffective()).toBe(true);
    }
  });

  it('finding 50: the epoch rises with the revocation of an image in force, and with nothing else', async () => {
    await world.propose(1);
    await world.propose(2);
    await world.propose(3);
    expect(await code(world.revoke(2))).toBe(0);
    world.later(NOTICE_SECONDS);
    await world.activate(1);
    await world.activate(3);
    await world.proposeGovernance();
    await world.cancel();
    await world.proposeGovernance({ governor: world.governor.address });
    world.later(NOTICE_SECONDS);
    expect(await code(world.accept(world.governor))).toBe(0);
    expect(await epoch()).toBe(0);
    expect(await code(world.revoke(1))).toBe(0);
    expect(await epoch()).toBe(1);
    expect(await code(world.revoke(1, world.governor))).toBe(0);
    expect(await epoch()).toBe(1);
    world.later(REVOKED_SECONDS);
    await world.prune(1);
    await world.prune(2);
    expect(await epoch()).toBe(1);
    expect(await code(world.revoke(3, world.governor))).toBe(0);
    expect(await epoch()).toBe(2);
  });

  it('finding 50: a revocation works in the same second and for good, and other images do not feel it', async () => {
    await world.propose(2);
    await putInForce(1);
    await world.activate(2);
    await world.revoke(1);
    expect([await isEffective(1), await isEffective(2)]).toEqual([false, true]);
    expect(await code(world.activate(1))).toBe(ERRORS.notActionable);
    expect(await code(world.propose(1))).toBe(ERRORS.imageKnown);
    world.later(YEAR);
    expect(await code(world.activate(1))).toBe(ERRORS.notActionable);
    expect([await isEffective(1), await isEffective(2)]).toEqual([false, true]);
  });

  it('finding 52: un-revoking is a new proposal with its whole notice', async () => {
    await putInForce();
    await world.revoke(1);
    world.later(REVOKED_SECONDS);
    await world.prune(1);
    expect(await code(world.activate(1))).toBe(ERRORS.imageUnknown);
    expect(await code(world.propose(1))).toBe(0);
    world.later(NOTICE_SECONDS - 1);
    expect(await code(world.activate(1))).toBe(ERRORS.notActionable);
    world.later(1);
    expect(await code(world.activate(1))).toBe(0);
    expect(await epoch()).toBe(1);
  });

  it('a proposal that the guardian revoked cannot be activated', async () => {
    await world.propose(1);
    await world.revoke(1);
    world.later(NOTICE_SECONDS);
    expect(await code(world.activate(1))).toBe(ERRORS.notActionable);
    expect(await isEffective()).toBe(false);
  });

  it('that nobody proposed can be neither activated, revoked nor pruned', async () => {
    for (const attempt of [() => world.activate(9), () => world.revoke(9), () => world.prune(9)]) {
      expect(await code(attempt())).toBe(ERRORS.imageUnknown);
    }
    expect(await isEffective(9)).toBe(false);
  });

  it('fill 64 slots; the next is refused, evicts none, and gets the first slot that is pruned', async () => {
    // One message per slot, without a wallet's transaction.
    for (let index = 0; index < MAX_IMAGES; index++) {
      const sent = world.send(world.governor.address, packProposeImage(imageHash(index), 1), { value: VALUE });
      expect(await code(sent)).toBe(0);
    }
    expect(await code(world.propose(MAX_IMAGES))).toBe(ERRORS.imagesFull);
    const built = world.built(imageHash(MAX_IMAGES), RegistryWorld.signers());
    const sender = world.stranger.getSender();
    const byBuilders = world.registry.sendProposeBuiltImage(sender, { value: VALUE, ...built });
    expect(await code(byBuilders)).toBe(ERRORS.imagesFull);
    expect(await world.registry.getImages()).toHaveLength(MAX_IMAGES);
    await world.revoke(5);
    world.later(REVOKED_SECONDS);
    expect(await code(world.prune(5))).toBe(0);
    expect(await code(world.propose(MAX_IMAGES))).toBe(0);
    expect(await code(world.propose(MAX_IMAGES + 1))).toBe(ERRORS.imagesFull);
    expect(await world.registry.getImages()).toHaveLength(MAX_IMAGES);
  });
});
