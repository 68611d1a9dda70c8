/** Attack 35: the star of messages. Nobody speaks for another account, and no leg keeps anybody's money. */
import { beginCell, type Cell, toNano } from '@ton/core';
import { storeAddAttestedKey, storeCandidate, storeCollateralStatus, storeEndAttestedKey, storeImageStatus } from '../../build/Suite/Suite_AttestedKey';
import { SIMULATED_FMSPC, SIMULATED_ROOT } from '../../attest/simulated/quote';
import { AttestedKey, ATTESTED_KEY_ERRORS, Collateral, INTEL_ROOT, packCollateralQuery, requiredAttestValue } from '../../wrappers';
import { AttestWorld, exitCodeAt, IMAGE_HASH, NOW, VALUE, WORKER } from './attestWorld';
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
const forged = (context = candidate()) => [
  beginCell().store(storeCollateralStatus({ $$type: 'CollateralStatus', queryId: 0n, reason: 0n, tcbStatus: 1n, validUntil: BigInt(NOW + 1000), context })).endCell(),
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
    const add = beginCell().store(storeAddAttestedKey({
      $$type: 'AddAttestedKey', queryId: 0n, workerKey: number(WORKER.publicKey), sealingKey: 5n, imageHash: 6n, claims: 1n, tcbStatus: 1n, revocationEpoch: 0n,
      endUnix: BigInt(NOW + 1000), root,
    })).endCell();
    const end = beginCell().store(storeEndAttestedKey({ $$type: 'EndAttestedKey', queryId: 0n, workerKey: number(WORKER.publicKey), payer: world.stranger.address, root })).endCell();
    for (const body of [add, end]) {
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

  it('reach a registry of another root, or no registry, and come back with the money', async () => {
    const scope = { networkId: NETWORK_ID, owner: world.owner.address, stake: world.stake.address, workerKey: WORKER.publicKey, root: SIMULATED_ROOT };
    const registry = world.stranger.address; // a wallet: it keeps what it is sent, but is asked nothing that it answers
    const foreign = world.chain.openContract(await AttestedKey.fromScope({ ...scope, registry }));
    const { transactions } = await foreign.sendAttest(world.owner.getSender(), {
      value: VALUE, sealingKey: patternBytes(32, 92), block: { seqno: 1, rootHash: patternBytes(32, 1) }, quote: world.quote(),
    });
    expect(exitCodeAt(transactions, foreign)).toBe(ATTESTED_KEY_ERRORS.reportData);
  });
});

describe('the value of a registration', () => {
  const rentOf = async () => (await world.chain.getContract(world.key.address)).balance;

  it.each([1n, 3n])('suffices to the nanoTON, and one less is refused, at prices times %d', async (factor) => {
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    await world.attest();
    await world.chain.loadFrom((world = await AttestWorld.create()).chain.snapshot());
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    await world.attest();
    const rent = await rentOf();
    const least = requiredAttestValue('attest', pricesOf(world.chain));
    world.later(10);
    const due = async () => least + (rent > (await rentOf()) ? rent - (await rentOf()) : 0n) + 1000n;
    const { transactions } = await world.attest({}, { value: await due() });
    expect(exitCodeAt(transactions, world.key)).toBe(0);
    expect((await keyOf())?.tier).toBe(1);
    const low = await world.attest({}, { value: least - 1n });
    expect(exitCodeAt(low.transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.valueTooLow);
  });

  it('of a recheck too', async () => {
    await world.attest();
    const least = requiredAttestValue('recheck', pricesOf(world.chain));
    const send = (value: bigint) => world.key.sendRecheck(world.stranger.getSender(), { value });
    expect(exitCodeAt((await send(least - 1n)).transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.valueTooLow);
    expect(exitCodeAt((await send(least + 100_000n)).transactions, world.key)).toBe(0);
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
