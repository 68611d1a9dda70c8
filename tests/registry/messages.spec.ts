import { Address, beginCell, Cell } from '@ton/core';
import {
  forwardFee,
  gasFee,
  type NetworkPrices,
  NOTICE_SECONDS,
  OP_EXCESSES,
  OP_PROVIDER_ACTIVE,
  packAcceptGovernance,
  packActivateImage,
  packCancelGovernance,
  packProposeBuiltImage,
  packProposeGovernance,
  packProposeImage,
  packPruneImage,
  packRaiseEvaluation,
  packRevokeImage,
  REGISTRY_ERRORS as ERRORS,
  requiredRegistryValue,
  REVOKED_SECONDS,
} from '../../wrappers';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { multiplyPrices, pricesOf } from '../support/config';
import { feesOf } from '../support/fees';
import { exitCode } from '../support/stakeWorld';
import { constant } from './registryState';
import { BUILDERS, handled, imageHash, RegistryWorld, VALUE } from './registryWorld';

const QUERY = 0x1234_5678_9abcn;
const CELL_UNDERFLOW = 9;
const UNKNOWN_MESSAGE = 130;

/** A message in the state in which it works. */
interface Case {
  name: string;
  prepare: (world: RegistryWorld) => unknown;
  from: (world: RegistryWorld) => Address | Promise<Address>;
  body: (world: RegistryWorld) => Cell;
  /** Somebody else who must not, and with what the registry refuses him; undefined when anyone may. */
  thief?: [by: (world: RegistryWorld) => Address, code: number];
  /** What happens when it comes again in the same second. */
  again: number;
}

let raised: Cell | undefined;
/** The chain's prices from now on, times 1 or 10. */
function pricesTimes(factor: bigint, { chain }: RegistryWorld): NetworkPrices {
  if (factor !== 1n) chain.setConfig((raised ??= multiplyPrices(chain.config, factor)));
  return pricesOf(chain);
}

const inForce = async (world: RegistryWorld): Promise<void> => {
  await world.propose(1);
  world.later(NOTICE_SECONDS);
  await world.activate(1);
};

const CASES: Case[] = [
  {
    name: 'ProposeImage',
    prepare: () => undefined,
    from: (world) => world.governor.address,
    body: () => packProposeImage(imageHash(1), 1, QUERY),
    thief: [(world) => world.guardian.address, ERRORS.notGovernor],
    again: ERRORS.imageKnown,
  },
  {
    name: 'ProposeBuiltImage',
    prepare: () => undefined,
    from: (world) => world.stranger.address,
    body: (world) => packProposeBuiltImage(world.built(imageHash(1), BUILDERS.slice(0, 2)), QUERY),
    again: ERRORS.imageKnown,
  },
  {
    name: 'ActivateImage',
    prepare: async (world) => (await world.propose(1), world.later(NOTICE_SECONDS)),
    from: (world) => world.stranger.address,
    body: () => packActivateImage(imageHash(1), QUERY),
    again: ERRORS.notActionable,
  },
  {
    name: 'RevokeImage',
    prepare: inForce,
    from: (world) => world.guardian.address,
    body: () => packRevokeImage(imageHash(1), QUERY),
    thief: [(world) => world.stranger.address, ERRORS.notGuardian],
    again: 0,
  },
  {
    name: 'PruneImage',
    prepare: async (world) => (await world.propose(1), await world.revoke(1), world.later(REVOKED_SECONDS)),
    from: (world) => world.stranger.address,
    body: () => packPruneImage(imageHash(1), QUERY),
    again: ERRORS.imageUnknown,
  },
  {
    name: 'ProposeGovernance',
    prepare: () => undefined,
    from: (world) => world.governor.address,
    body: (world) => packProposeGovernance(packedGovernance({ ...world.first, governor: world.next.address }), QUERY),
    thief: [(world) => world.guardian.address, ERRORS.notGovernor],
    again: 0,
  },
  {
    name: 'RaiseEvaluation',
    prepare: () => undefined,
    from: (world) => world.guardian.address,
    body: () => packRaiseEvaluation(18, QUERY),
    thief: [(world) => world.stranger.address, ERRORS.notGuardian],
    again: ERRORS.notRaised,
  },
  {
    name: 'AcceptGovernance',
    prepare: async (world) => (await world.proposeGovernance(), world.later(NOTICE_SECONDS)),
    from: (world) => world.next.address,
    body: () => packAcceptGovernance(QUERY),
    thief: [(world) => world.governor.address, ERRORS.notNextGovernor],
    again: ERRORS.noProposal,
  },
  {
    name: 'CancelGovernance',
    prepare: (world) => world.proposeGovernance(),
    from: (world) => world.governor.address,
    body: () => packCancelGovernance(QUERY),
    thief: [(world) => world.next.address, ERRORS.notGovernor],
    again: ERRORS.noProposal,
  },
];

describe.each(CASES)('$name', ({ name, prepare, from, body, thief, again }) => {
  let world: RegistryWorld;
  let ready: ReturnType<RegistryWorld['chain']['snapshot']>;
  let sender: Address;
  let message: Cell;

  beforeAll(async () => {
    world = await RegistryWorld.create();
    await prepare(world);
    // The rent is paid now, so that balances can be compared.
    await world.registry.sendTopUp(world.stranger.getSender(), { value: VALUE });
    sender = await from(world);
    message = body(world);
    ready = world.chain.snapshot();
  });
  beforeEach(async () => world.chain.loadFrom(ready));

  const attempt = async (by: Address, sent: Cell, options: Parameters<RegistryWorld['send']>[2] = {}) => {
    const result = await world.send(by, sent, options);
    return { code: exitCode(result, world.address), result };
  };

  /** Refused with this code: nothing changed, and what fees left went back. */
  const refused = async (by: Address, sent: Cell, code: number, options: Parameters<RegistryWorld['send']>[2] = {}) => {
    const [state, balance] = [await world.state(), await world.balance()];
    const made = await attempt(by, sent, options);
    expect({ name, code: made.code }).toEqual({ name, code });
    expect(await world.state()).toBe(state);
    expect(await world.balance()).toBe(balance);
    const back = handled(made.result, by, world.address)!.inMessage!;
    expect(back.info.type === 'internal' && back.info.bounced).toBe(true);
  };

  it('works, and returns what it did not use to the nanoTON', async () => {
    const [state, balance] = [await world.state(), await world.balance()];
    const { code, result } = await attempt(sender, message);
    expect(code).toBe(0);
    expect(await world.state()).not.toBe(state);
    expect(await world.balance()).toBe(balance);
    const change = handled(result, sender, world.address)!.inMessage!;
    const slice = change.body.beginParse();
    expect([slice.loadUint(32), slice.loadUintBig(64), slice.remainingBits]).toEqual([OP_EXCESSES, QUERY, 0]);
    if (change.info.type !== 'internal') throw new Error('not an internal message');
    expect(change.info.bounce).toBe(false);
    const used = feesOf(handled(result, world.address)!).totalNano;
    expect(change.info.value.coins).toBe(VALUE - used);
  });

  it.each([1n, 10n])('needs exactly the least value of the SDK, prices x %s', async (factor) => {
    const kind = name === 'ProposeBuiltImage' ? 'builtImage' : 'registryMessage';
    const least = requiredRegistryValue(kind, pricesTimes(factor, world));
    await refused(sender, message, ERRORS.valueTooLow, { value: least - 1n });
    expect((await attempt(sender, message, { value: least })).code).toBe(0);
  });

  it('is refused from anybody else, also from an account of the same hash in the masterchain', async () => {
    if (!thief) return expect((await attempt(world.guardian.address, message)).code).toBe(0);
    const [by, code] = thief;
    await refused(by(world), message, code);
    await refused(new Address(-1, sender.hash), message, code);
  });

  it('has no second effect', async () => {
    await attempt(sender, message);
    const state = await world.state();
    expect((await attempt(sender, message)).code).toBe(again);
    expect(await world.state()).toBe(state);
  });

  it('is refused when any part of its end is missing', async () => {
    const bits = message.bits.length;
    const refs = message.refs;
    for (const length of new Set([33, 95, (bits + 95) >> 1, bits - 1])) {
      const short = beginCell().storeBits(message.bits.substring(0, length));
      for (const ref of refs) short.storeRef(ref);
      await refused(sender, short.endCell(), CELL_UNDERFLOW);
    }
    if (refs.length > 0) await refused(sender, beginCell().storeBits(message.bits).endCell(), CELL_UNDERFLOW);
  });

  it('does the same, and remembers no more, with something behind its end', async () => {
    await attempt(sender, message);
    const state = await world.state();
    await world.chain.loadFrom(ready);
    const longer = beginCell().storeSlice(message.beginParse()).storeUint(0xbad, 12).storeRef(new Cell()).endCell();
    expect((await attempt(sender, longer)).code).toBe(0);
    expect(await world.state()).toBe(state);
  });

  it('changes nothing when it arrives bounced, but pays rent', async () => {
    const [state, balance] = [await world.state(), await world.balance()];
    const begin = message.bits.substring(0, Math.min(224, message.bits.length));
    const returned = beginCell().storeUint(0xffffffff, 32).storeBits(begin).endCell();
    for (const sent of [message, returned]) {
      const { code, result } = await attempt(sender, sent, { bounced: true, bounce: false });
      expect(code).toBe(0);
      expect(result.transactions).toHaveLength(1);
    }
    expect(await world.state()).toBe(state);
    expect(await world.balance()).toBeGreaterThan(balance + 2n * VALUE - VALUE / 100n);
  });
});

describe('other messages to the registry', () => {
  let world: RegistryWorld;
  beforeEach(async () => void (world = await RegistryWorld.create()));

  it('a plain top-up pays rent and keeps everything, whoever sends it', async () => {
    const [state, balance, until] = [await world.state(), await world.balance(), await world.registry.getPaidUntil()];
    const result = await world.send(world.stranger.address, new Cell());
    expect(exitCode(result, world.address)).toBe(0);
    expect(await world.state()).toBe(state);
    const gas = feesOf(handled(result, world.address)!).totalNano;
    expect(await world.balance()).toBe(balance + VALUE - gas);
    expect(await world.registry.getPaidUntil()).toBeGreaterThan(until);
  });

  it.each([
    ['an opcode of nobody', beginCell().storeUint(0x0c99, 32).storeUint(0, 64).endCell()],
    ['its own log message', beginCell().storeUint(0x0c28, 32).storeUint(0, 600).endCell()],
    ["a stake's message", beginCell().storeUint(0x0c11, 32).storeUint(0, 64).storeCoins(1n).endCell()],
    ['a text', beginCell().storeUint(0, 32).storeStringTail('hello').endCell()],
  ])('%s is refused and returned', async (_, body) => {
    const [state, balance] = [await world.state(), await world.balance()];
    const result = await world.send(world.governor.address, body);
    expect(exitCode(result, world.address)).toBe(UNKNOWN_MESSAGE);
    expect(await world.state()).toBe(state);
    expect(await world.balance()).toBe(balance);
    expect(handled(result, world.governor.address, world.address)).toBeDefined();
  });

  it('external messages are not accepted', async () => {
    const info = { type: 'external-in', dest: world.address, importFee: 0n } as const;
    for (const body of [new Cell(), packCancelGovernance()]) {
      await expect(world.chain.sendMessage({ info, body })).rejects.toThrow();
    }
  });

  it.each([1n, 10n])('an announcement needs its gas and two messages, prices x %s, or comes back', async (factor) => {
    const prices = pricesTimes(factor, world);
    const owner = world.stranger.address;
    const stake = await world.registry.getStakeOf(owner);
    const body = beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(owner).endCell();
    const least = gasFee(prices, BigInt(constant('GAS_ANNOUNCE'))) + 2n * forwardFee(prices, 1n, 1023n);
    const short = await world.send(stake, body, { value: least - 1n });
    expect(exitCode(short, world.address)).toBe(ERRORS.valueTooLow);
    const before = await world.balance();
    const enough = await world.send(stake, body, { value: least });
    expect(exitCode(enough, world.address)).toBe(0);
    expect(enough.externals).toHaveLength(1);
    expect(await world.balance()).toBe(before);
  });
});
