import { beginCell, Cell } from '@ton/core';
import type { KeyPair } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import {
  type BuiltImage,
  LAPSE_SECONDS,
  NOTICE_SECONDS,
  OP_PROPOSE_BUILT_IMAGE,
  packProposeBuiltImage,
  REGISTRY_ERRORS as ERRORS,
  requiredRegistryValue,
  REVOKED_SECONDS,
} from '../../wrappers';
import { pricesOf } from '../support/config';
import { patternBytes } from '../support/jobWorld';
import { exitCode, gasUsed } from '../support/stakeWorld';
import { BUILDERS, DAY, imageHash, RegistryWorld, VALUE } from './registryWorld';

const [first, second, third, stranger] = BUILDERS;
const HASH = imageHash(1);
const CELL_UNDERFLOW = 9;

describe('images that builders signed', () => {
  let world: RegistryWorld;
  beforeEach(async () => void (world = await RegistryWorld.create([first, second, third], 2)));

  /** Sent by somebody who is none of them. */
  const propose = (image: BuiltImage, value = VALUE) =>
    world.registry.sendProposeBuiltImage(world.stranger.getSender(), { value, ...image });
  const code = (sent: Promise<SendMessageResult>) => world.exit(sent);
  const signedBy = (...signers: KeyPair[]) => propose(world.built(HASH, signers));

  /** The chain of signatures as it is given, unsorted. */
  function inOrder(image: BuiltImage, behindLast: Cell | null = null): Promise<SendMessageResult> {
    let next = behindLast;
    for (const { builder, signature } of [...image.signatures].reverse()) {
      const entry = beginCell().storeBuffer(Buffer.from(builder)).storeBuffer(Buffer.from(signature));
      next = entry.storeMaybeRef(next).endCell();
    }
    const body = beginCell().storeUint(OP_PROPOSE_BUILT_IMAGE, 32).storeUint(0, 64);
    body.storeBuffer(Buffer.from(image.imageHash)).storeUint(image.claims, 8).storeUint(image.validUntil, 32);
    return world.send(world.stranger.address, body.storeRef(next ?? new Cell()).endCell());
  }

  it.each([
    ['exactly as many as are enough', [first, second]],
    ['the first and the last', [first, third]],
    ['more than are enough', [first, second, third]],
    ['in any order, since the SDK sorts them', [third, first]],
  ])('are proposed by %s, whoever sends it, and wait the same notice', async (_, signers) => {
    expect(await code(signedBy(...signers))).toBe(0);
    world.later(NOTICE_SECONDS - 1);
    expect(await code(world.activate(1))).toBe(ERRORS.notActionable);
    world.later(1);
    expect(await code(world.activate(1))).toBe(0);
  });

  it('finding 52: one builder alone is not enough, however often he signs', async () => {
    expect(await code(signedBy(second))).toBe(ERRORS.tooFewBuilders);
    const twice = world.built(HASH, [second, second]);
    expect(await code(inOrder(twice))).toBe(ERRORS.buildersNotAscending);
    const between = world.built(HASH, [first, second, first]);
    expect(await code(inOrder(between))).toBe(ERRORS.buildersNotAscending);
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it('are refused with signatures in another order than ascending', async () => {
    expect(await code(inOrder(world.built(HASH, [third, first])))).toBe(ERRORS.buildersNotAscending);
    expect(await code(inOrder(world.built(HASH, [first, third, second])))).toBe(ERRORS.buildersNotAscending);
    expect(await code(inOrder(world.built(HASH, [first, third])))).toBe(0);
  });

  it('finding 52: are refused with the signature of a stranger, also beside enough builders', async () => {
    for (const signers of [[stranger], [first, stranger], [first, second, stranger]]) {
      expect(await code(signedBy(...signers))).toBe(ERRORS.notABuilder);
    }
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it.each([
    ['another network', { networkId: -3 }],
    ['another registry', { registry: patternBytes(32, 5) }],
    ['another image', { imageHash: imageHash(2) }],
    ['other claims', { claims: 2 }],
  ])('finding 11: a signature for %s is worth nothing here', async (_, wrong) => {
    const image = { ...world.built(HASH, [first, second], wrong), imageHash: HASH, claims: 1 };
    expect(await code(propose(image))).toBe(ERRORS.badBuildSignature);
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it('one bad signature spoils the whole statement: another date, another key, a bit', async () => {
    const image = world.built(HASH, [first, second, third]);
    expect(await code(propose({ ...image, validUntil: image.validUntil + 1 }))).toBe(ERRORS.badBuildSignature);
    const [a, b, c] = image.signatures;
    const swapped = { ...image, signatures: [a, { builder: b.builder, signature: c.signature }] };
    expect(await code(propose(swapped))).toBe(ERRORS.badBuildSignature);
    const flipped = Uint8Array.from(c.signature);
    flipped[63] ^= 1;
    const spoilt = { ...image, signatures: [a, b, { builder: c.builder, signature: flipped }] };
    expect(await code(propose(spoilt))).toBe(ERRORS.badBuildSignature);
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it.each([
    ['a second after it ended', -1, ERRORS.buildExpired],
    ['in its last second', 0, 0],
    ['for the longest time', NOTICE_SECONDS, 0],
    ['for a second longer', NOTICE_SECONDS + 1, ERRORS.buildExpired],
  ])('a statement is taken or not, %s', async (_, offset, expected) => {
    const image = world.built(HASH, [first, second], { validUntil: world.now + offset });
    expect(await code(propose(image))).toBe(expected);
  });

  it('finding 52: a copied statement proposes once, also after its image lapsed or was revoked', async () => {
    for (const end of ['revoked', 'lapsed']) {
      world = await RegistryWorld.create([first, second, third], 2);
      const image = world.built(HASH, [first, second], { validUntil: world.now + NOTICE_SECONDS });
      expect(await code(propose(image))).toBe(0);
      expect(await code(propose(image))).toBe(ERRORS.imageKnown);
      if (end === 'revoked') await world.revoke(1);
      world.later(end === 'revoked' ? REVOKED_SECONDS : NOTICE_SECONDS + LAPSE_SECONDS);
      expect(await code(world.prune(1))).toBe(0);
      expect(await code(propose(image))).toBe(ERRORS.buildExpired);
    }
  });

  it('finding 52: builders that were replaced propose nothing any more, with statements of before', async () => {
    await world.proposeGovernance({ builders: [third.publicKey, stranger.publicKey] });
    world.later(NOTICE_SECONDS);
    const before = world.built(HASH, [first, second]);
    const fresh = world.built(HASH, [third, stranger]);
    expect(await code(propose(fresh))).toBe(ERRORS.notABuilder);
    expect(await code(world.accept())).toBe(0);
    expect(await code(propose(before))).toBe(ERRORS.notABuilder);
    expect(await code(propose(fresh))).toBe(0);
  });

  it('without builders nobody proposes without the governor', async () => {
    world = await RegistryWorld.create([], 0);
    expect(await code(signedBy(stranger))).toBe(ERRORS.notABuilder);
    expect(await code(propose(world.built(HASH, [])))).toBe(CELL_UNDERFLOW);
    expect(await code(world.propose(1))).toBe(0);
  });

  it('are refused with no signature, half a signature, or something that is none', async () => {
    const image = world.built(HASH, [first]);
    expect(await code(propose(world.built(HASH, [])))).toBe(CELL_UNDERFLOW);
    const half = beginCell().storeBuffer(second.publicKey).storeUint(0, 255).endCell();
    expect(await code(inOrder(image, half))).toBe(CELL_UNDERFLOW);
    expect(await code(inOrder(image, new Cell()))).toBe(CELL_UNDERFLOW);
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it('sixteen of sixteen builders are checked for the least value; fifteen are too few', async () => {
    const sixteen = BUILDERS.slice(0, 16);
    world = await RegistryWorld.create(sixteen, 16);
    const least = requiredRegistryValue('builtImage', pricesOf(world.chain));
    expect(await code(propose(world.built(HASH, sixteen.slice(1)), least))).toBe(ERRORS.tooFewBuilders);
    expect(await code(propose(world.built(HASH, BUILDERS.slice(0, 17)), least))).toBe(ERRORS.notABuilder);
    const result = await propose(world.built(HASH, sixteen), least);
    expect(exitCode(result, world.address)).toBe(0);
    expect(gasUsed(result, world.address)).toBeLessThan(120_000n);
  });

  it('an endless chain of signatures costs its sender no more gas than a short one', async () => {
    const image = world.built(HASH, [first, second, third]);
    const strangers = BUILDERS.slice(3);
    const gas: bigint[] = [];
    for (const length of [1, 113]) {
      let next: Cell | null = null;
      for (let index = 0; index < length; index++) {
        const { publicKey } = strangers[index % strangers.length];
        next = beginCell().storeBuffer(publicKey).storeUint(index, 512).storeMaybeRef(next).endCell();
      }
      const result = await inOrder(image, next);
      expect(exitCode(result, world.address)).toBe(ERRORS.notABuilder);
      gas.push(gasUsed(result, world.address));
    }
    expect(gas[1]).toBe(gas[0]);
    expect(await world.registry.getImage(HASH)).toBeNull();
  });

  it('anybody may send the statement with a queryId of his own; the change is his', async () => {
    const image = world.built(HASH, [first, second], { validUntil: world.now + DAY });
    const before = await world.balance(world.next.address);
    const result = await world.send(world.next.address, packProposeBuiltImage(image, 5n));
    expect(exitCode(result, world.address)).toBe(0);
    expect(await world.balance(world.next.address)).toBeGreaterThan(before + VALUE / 2n);
  });
});
