/** Attack 35: the star of messages. Nobody speaks for another account, and no leg keeps anybody's money. */
import { Address, beginCell, type Cell, toNano } from '@ton/core';
import { internal } from '@ton/sandbox';
import {
  loadCandidate, loadTupleAttestedKeyStatus, storeAddAttestedKey, storeCandidate, storeCollateralStatus, storeEndAttestedKey, storeImageQuery, storeImageStatus,
} from '../../build/Suite/Suite_AttestedKey';
import { SIMULATED_FMSPC, SIMULATED_ROOT } from '../../attest/simulated/quote';
import {
  AttestationRegistry, ATTESTED_SECONDS, AttestedKey, ATTESTED_KEY_ERRORS, Collateral, COLLATERAL_ERRORS, COLLATERAL_POSTS, forwardFee, gasFee, INTEL_ROOT, packAttestKey,
  packCollateralQuery, PROVIDER_STAKE_ERRORS, REGISTRY_ERRORS, requiredAttestValue,
} from '../../wrappers';
import { AttestWorld, blockAt, exitCodeAt, IMAGE_HASH, judged, NOW, SEALING_KEY, VALUE, WORKER } from './attestWorld';
import { feesOf } from '../support/fees';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { multiplyPrices, pricesOf } from '../support/config';

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const keyOf = () => world.stake.getWorkerKey(WORKER.publicKey);
const root = beginCell().storeUint(SIMULATED_ROOT.x, 256).storeUint(SIMULATED_ROOT.y, 256).endCell();
const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
/** What a key would carry through the star if all were well. */
const candidate = (isRecheck = false): Cell => beginCell().store(storeCandidate({
  $$type: 'Candidate', payer: world.stranger.address, isRecheck, sealingKey: 5n, imageHash: number(IMAGE_HASH), endUnix: BigInt(NOW + 1000), tcbStatus: 1n,
  fmspc: number(SIMULATED_FMSPC), isProcessorCa: false, platform: beginCell().endCell(),
})).endCell();
const added = (): Cell => beginCell().store(storeAddAttestedKey({
  $$type: 'AddAttestedKey', queryId: 0n, workerKey: number(WORKER.publicKey), sealingKey: number(SEALING_KEY), imageHash: number(IMAGE_HASH), claims: 1n, tcbStatus: 1n,
  revocationEpoch: 0n, endUnix: BigInt(NOW + ATTESTED_SECONDS), root,
})).endCell();
const shortened = (body: Cell, bits: number): Cell => {
  const slice = body.beginParse();
  const builder = beginCell().storeBits(slice.loadBits(slice.remainingBits - bits));
  while (slice.remainingRefs > 0) builder.storeRef(slice.loadRef());
  return builder.endCell();
};
const forged = (context = candidate()) => [
  beginCell().store(storeCollateralStatus({ $$type: 'CollateralStatus', queryId: 0n, reason: 0n, tcbStatus: 1n, validUntil: BigInt(NOW + 1000), evaluation: 17n, context })).endCell(),
  beginCell().store(storeImageStatus({ $$type: 'ImageStatus', queryId: 0n, reason: 0n, claims: 1n, revocationEpoch: 0n, context })).endCell(),
];

describe('answers of the star', () => {
  it('finding 35: count only from the accounts that were asked', async () => {
    await world.attest({}, { by: world.stranger }); // deploys the account, attests nothing
    for (const body of [...forged(), ...forged(candidate(true))]) {
      for (const by of [world.stranger, world.owner, world.governor]) {
        const { transactions } = await by.send({ to: world.key.address, value: VALUE, body });
        expect(exitCodeAt(transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.notFromStar);
      }
    }
    expect((await world.key.getStatus()).attested).toBeNull();
  });

  it('finding 35: cannot be had for another account: the collateral answers who asks it', async () => {
    const query = packCollateralQuery(beginCell().storeUint(0, 1024 - 24).endCell(), candidate());
    const { transactions } = await world.stranger.send({ to: world.collateral.address, value: VALUE, body: query });
    expect(transactions.map(({ inMessage }) => String(inMessage?.info.dest))).not.toContain(String(world.key.address));
  });

  it('finding 35: about a key come to its stake from the key\'s own account alone', async () => {
    const end = beginCell().store(storeEndAttestedKey({ $$type: 'EndAttestedKey', queryId: 0n, workerKey: number(WORKER.publicKey), payer: world.stranger.address, root })).endCell();
    for (const body of [added(), end]) {
      for (const by of [world.owner, world.stranger]) {
        expect(exitCodeAt((await by.send({ to: world.stake.address, value: VALUE, body })).transactions, world.stake)).toBe(729);
      }
    }
    const scope = { networkId: NETWORK_ID, registry: world.registry.address, owner: world.owner.address, stake: world.stake.address, workerKey: WORKER.publicKey, root: SIMULATED_ROOT };
    for (const other of [{ root: INTEL_ROOT }, { networkId: -3 }, { owner: world.stranger.address }, { registry: world.stranger.address }, { workerKey: patternBytes(32, 1) }]) {
      const twin = world.chain.openContract(await AttestedKey.fromScope({ ...scope, ...other }));
      expect(twin.address.equals(world.key.address)).toBe(false);
    }
  });

  it('are refused when their form is not the one of the message', async () => {
    await world.attest();
    for (const body of forged()) {
      for (const broken of [shortened(body, 8), beginCell().storeBits(body.beginParse().loadBits(96)).endCell()]) {
        for (const by of [world.registry.address, world.collateral.address]) {
          const { transactions } = await world.chain.sendMessage(internal({ from: by, to: world.key.address, value: VALUE, body: broken }));
          expect(exitCodeAt(transactions, world.key)).toBe(9);
        }
      }
    }
  });
});

describe('a star that meets', () => {
  /** The same worker key in the account of another registry or stake, whose collateral is posted. */
  async function attestUnder({ registry = world.registry.address, stake = world.stake.address }) {
    const key = world.chain.openContract(await AttestedKey.fromScope({
      networkId: NETWORK_ID, registry, owner: world.owner.address, stake, workerKey: WORKER.publicKey, root: SIMULATED_ROOT,
    }));
    const collateral = await Collateral.fromScope({ registry, root: SIMULATED_ROOT, fmspc: number(SIMULATED_FMSPC), isProcessorCa: false });
    for (const pack of Object.values(COLLATERAL_POSTS)) {
      await world.stranger.send({ to: collateral.address, init: collateral.init, value: VALUE, body: pack(world.collateralCells()) });
    }
    const balance = async () => (await world.chain.getContract(world.owner.address)).balance;
    const before = await balance();
    const { transactions } = await key.sendAttest(world.owner.getSender(), {
      value: VALUE, sealingKey: SEALING_KEY, block: blockAt(50_000_000), quote: world.quote({ body: { reportData: world.reportData({ registry: registry.hash }) } }),
    });
    return { reason: judged(transactions), cost: before - (await balance()), attested: (await key.getStatus()).attested };
  }
  const nobody = new Address(0, Buffer.alloc(32, 5));

  it('a registry of another root attests nothing, and its money returns', async () => {
    const registry = world.chain.openContract(await AttestationRegistry.fromGovernance({
      networkId: NETWORK_ID, root: INTEL_ROOT, governor: world.governor.address, guardian: world.governor.address, builders: [], threshold: 0,
    }));
    await registry.sendTopUp(world.stranger.getSender(), { value: VALUE });
    const { reason, cost, attested } = await attestUnder({ registry: registry.address });
    expect({ reason, attested }).toEqual({ reason: 'other-root', attested: null });
    expect(cost).toBeLessThan(200_000_000n);
  });

  it('no registry attests nothing, and its money returns', async () => {
    const { reason, cost, attested } = await attestUnder({ registry: nobody });
    expect({ reason, attested }).toEqual({ reason: 'no-answer', attested: null });
    expect(cost).toBeLessThan(200_000_000n);
  });

  it('no stake is refused, and its money returns', async () => {
    const { reason, cost } = await attestUnder({ stake: nobody });
    expect(reason).toBe('stake-refused');
    expect(cost).toBeLessThan(200_000_000n);
  });
});

describe('the value of a registration', () => {
  const rentOf = async () => (await world.chain.getContract(world.key.address)).balance;

  it.each([1n, 3n])('suffices to the nanoTON for the dearest star, and one less is refused, at prices times %d', async (factor) => {
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    await world.attest();
    const rent = await rentOf();
    const least = requiredAttestValue('attest', pricesOf(world.chain));
    world = await AttestWorld.create();
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const low = await world.attest({}, { value: least + rent - 1n }); // a new account and a provider that no registry knows yet
    expect(exitCodeAt(low.transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.valueTooLow);
    const { transactions } = await world.attest({}, { value: least + rent });
    expect([world.key, world.collateral, world.registry, world.stake].map((account) => exitCodeAt(transactions, account))).toEqual([0, 0, 0, 0]);
    expect((await keyOf())?.tier).toBe(1);
    expect(await rentOf()).toBe(rent);
    const renewal = await world.attest({}, { value: least });
    expect(exitCodeAt(renewal.transactions, world.stake)).toBe(0);
  });

  it('of a recheck too', async () => {
    await world.attest();
    const least = requiredAttestValue('recheck', pricesOf(world.chain));
    const send = (value: bigint) => world.key.sendRecheck(world.stranger.getSender(), { value });
    expect(exitCodeAt((await send(least - 1n)).transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.valueTooLow);
    const { transactions } = await send(least);
    expect(judged(transactions)).toBe('fine');
  });

  it('does not depend on who asks: an account of the star refuses a question that does not pay for its answer', async () => {
    await world.attest();
    const { platform } = loadCandidate(loadTupleAttestedKeyStatus((await world.chain.runGetMethod(world.key.address, 'status')).stackReader).attested!.beginParse());
    const question = beginCell().store(storeImageQuery({ $$type: 'ImageQuery', queryId: 0n, imageHash: number(IMAGE_HASH), tcbStatus: 1n, evaluation: 17n, rootX: SIMULATED_ROOT.x, rootY: SIMULATED_ROOT.y, context: candidate() })).endCell();
    const prices = pricesOf(world.chain);
    const fee = (gas: bigint, replies: bigint) => gasFee(prices, gas) + replies * forwardFee(prices, 1n, 1023n);
    const cases: [{ address: Address }, Cell, number, bigint][] = [
      [world.collateral, packCollateralQuery(platform, candidate()), COLLATERAL_ERRORS.valueTooLow, fee(25_000n, 1n)],
      [world.registry, question, REGISTRY_ERRORS.valueTooLow, fee(17_000n, 1n)],
      [world.stake, added(), PROVIDER_STAKE_ERRORS.valueBelowFees, fee(28_000n, 1n) + fee(16_000n, 3n)],
    ];
    for (const [to, body, code, least] of cases) {
      const send = (value: bigint) => world.chain.sendMessage(internal({ from: world.key.address, to: to.address, value, body }));
      expect(exitCodeAt((await send(least - 1n)).transactions, to)).toBe(code);
      expect(exitCodeAt((await send(least)).transactions, to)).toBe(0);
    }
  });

  it('finding 35: that a failed answer left in the account goes back to the owner with the next registration, and to nobody else', async () => {
    await world.attest();
    const rent = await rentOf();
    await world.stranger.send({ to: world.key.address, value: toNano('1') }); // as an answer whose handler ran out of gas
    await world.key.sendRecheck(world.stranger.getSender(), { value: VALUE });
    expect(await rentOf()).toBeGreaterThan(toNano('0.99'));
    const before = (await world.chain.getContract(world.owner.address)).balance;
    await world.attest();
    expect((await world.chain.getContract(world.owner.address)).balance - before).toBeGreaterThan(toNano('0.8'));
    expect(await rentOf()).toBeLessThanOrEqual(rent);
  });

  it('covers the gas of the star with room to spare', async () => {
    await world.attest();
    const { transactions } = await world.attest();
    const used = transactions.slice(1).reduce((sum, transaction) => sum + feesOf(transaction).gas, 0n);
    expect(used).toBeLessThan(165_000n);
  });
});

describe('a registration whose message', () => {
  it('is too short or lacks a part is refused', async () => {
    await world.attest();
    const whole = packAttestKey(SEALING_KEY, blockAt(50_000_000), world.quote());
    const header = beginCell().storeBits(whole.beginParse().loadBits(607)).endCell();
    const bare = beginCell().storeBits(whole.beginParse().loadBits(608)).endCell();
    for (const body of [header, bare, shortened(whole, 8)]) {
      const { transactions } = await world.owner.send({ to: world.key.address, value: VALUE, body });
      expect([9, 822]).toContain(exitCodeAt(transactions, world.key));
    }
  });
});

describe('accounts of attestation', () => {
  it('finding 37: that contracts compute by a code\'s hash are those that the wrappers deploy', async () => {
    await world.attest(); // collateral and stake recognised each other
    expect((await keyOf())?.tier).toBe(1);
    const other = await Collateral.fromScope({ registry: world.registry.address, root: SIMULATED_ROOT, fmspc: number(SIMULATED_FMSPC), isProcessorCa: true });
    expect(other.address.equals(world.collateral.address)).toBe(false);
  });

  it('take money for their rent', async () => {
    await world.attest();
    for (const account of [world.key, world.collateral]) {
      const before = (await account.getStatus()).paidUntil;
      const { transactions } = await world.stranger.send({ to: account.address, value: toNano('1') });
      expect(exitCodeAt(transactions, account)).toBe(0);
      expect((await account.getStatus()).paidUntil).toBeGreaterThan(before);
    }
  });
});
