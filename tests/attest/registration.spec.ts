/** A worker key becomes attested: one message of its owner, and what every leg of the star can say against it. */
import { ATTESTED_KEY_ERRORS, ATTESTED_SECONDS, QUOTE_ERRORS } from '../../wrappers';
import { SIMULATED_SIGNER_SERIAL } from '../../attest/simulated/collateral';
import { AttestWorld, blockAt, CLAIMS, DAY, exitCodeAt, IMAGE_HASH, judged, NOW, prevBlocks, SEALING_KEY, VALUE, WORKER } from './attestWorld';
import { patternBytes } from '../support/jobWorld';
import { feesOf } from '../support/fees';

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const keyOf = () => world.stake.getWorkerKey(WORKER.publicKey);
const balance = async (account: { address: Parameters<typeof world.chain.getContract>[0] }) => (await world.chain.getContract(account.address)).balance;

describe('a registration', () => {
  it('makes the key attested: sealing key, image, claims, TCB status and end stand in the stake', async () => {
    await world.attest();
    expect(await keyOf()).toMatchObject({
      tier: 1, claims: CLAIMS, tcbStatus: 1, revocationEpoch: 0, fromUnix: NOW, endUnix: NOW + ATTESTED_SECONDS,
    });
    const { sealingKey, imageHash } = (await keyOf())!;
    expect([sealingKey, imageHash].map((bytes) => Buffer.from(bytes))).toEqual([SEALING_KEY, IMAGE_HASH].map((bytes) => Buffer.from(bytes)));
    expect((await world.key.getStatus()).attested).toMatchObject({ tcbStatus: 'UpToDate', endUnix: NOW + ATTESTED_SECONDS });
    expect(await world.key.getIsSimulated()).toBe(true);
  });

  it.each([[4, 2], [5, 2], [5, 3]] as const)('takes quotes of version %d, body type %d', async (version, bodyType) => {
    await world.attest({ version, bodyType });
    expect((await keyOf())?.tier).toBe(1);
  });

  it('costs what it costs: the rest of the value returns, and only rent stays', async () => {
    const before = await balance(world.owner);
    const { transactions } = await world.attest();
    const fees = transactions.reduce((sum, transaction) => sum + feesOf(transaction).totalNano, 0n);
    const rent = await balance(world.key);
    expect(before - (await balance(world.owner)) - rent).toBe(fees);
    expect(rent).toBeLessThan(10_000_000n);
  });

  it('is renewed by a newer quote, with the same sealing key only', async () => {
    await world.attest();
    world.later(3 * DAY);
    await world.attest();
    expect(await keyOf()).toMatchObject({ fromUnix: NOW, endUnix: NOW + 3 * DAY + ATTESTED_SECONDS });
    const other = patternBytes(32, 7);
    const { transactions } = await world.attest({ body: { reportData: world.reportData({ sealingKey: other }) } }, { sealingKey: other });
    expect(judged(transactions)).toBe('stake-refused');
    expect(exitCodeAt(transactions, world.stake)).toBe(721);
  });

  it('attack 50: ends no later than its collateral and its certificate', async () => {
    world.chain.now = NOW - DAY + 30 * DAY - 100; // the collateral's last seconds
    await world.attest();
    expect((await keyOf())?.endUnix).toBe(NOW + 29 * DAY);
    world = await AttestWorld.create();
    await world.attest({ issuedAt: NOW + 2 * DAY - 7 * 365 * DAY }); // the certificate's last days
    expect((await keyOf())?.endUnix).toBe(NOW + 2 * DAY);
  });
});

describe('a quote', () => {
  it.each<[string, Parameters<AttestWorld['reportData']>[0]]>([
    ['another network', { networkId: -3 }], ['another registry', { registry: patternBytes(32, 1) }], ['another owner', { owner: patternBytes(32, 2) }],
    ['another worker key', { workerKey: patternBytes(32, 3) }], ['another sealing key', { sealingKey: patternBytes(32, 4) }],
    ['another block number', { blockSeqno: 49_999_900 }], ['another block', { blockHash: patternBytes(32, 5) }],
  ])('finding 53: about %s in its report data is refused', async (_, overrides) => {
    const { transactions } = await world.attest({ body: { reportData: world.reportData(overrides) } });
    expect(exitCodeAt(transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.reportData);
  });

  it('with more behind the hash of its report data is refused', async () => {
    const reportData = world.reportData();
    reportData[63] = 1;
    expect(exitCodeAt((await world.attest({ body: { reportData } })).transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.reportData);
  });

  it.each([[50_000_000, 0], [49_998_500, 0], [49_998_400, 855], [50_000_100, 855], [49_999_950, 855]])('finding 53: with block %d: %d', async (seqno, code) => {
    const block = blockAt(seqno);
    const { transactions } = await world.attest({ body: { reportData: world.reportData({}, block) } }, { block });
    expect(exitCodeAt(transactions, world.key)).toBe(code);
  });

  it('finding 53: with a block of the right number with another hash is refused, and one that the chain no longer remembers', async () => {
    const block = { seqno: 50_000_000, rootHash: patternBytes(32, 250) };
    const forged = await world.attest({ body: { reportData: world.reportData({}, block) } }, { block });
    expect(exitCodeAt(forged.transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.stale);
    world.chain.prevBlocks = prevBlocks(50_001_600);
    expect(exitCodeAt((await world.attest()).transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.stale);
  });
});

describe('a registration is refused, and the money returns,', () => {
  it('from anybody but the owner, who cannot replay another one\'s quote', async () => {
    const { transactions } = await world.attest({}, { by: world.stranger });
    expect(exitCodeAt(transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.notOwner);
  });

  it('of a TD that a service TD could migrate, of one that can be debugged, and of other chains', async () => {
    const code = async (options: Parameters<AttestWorld['attest']>[0]) => exitCodeAt((await world.attest(options)).transactions, world.key);
    expect(await code({ version: 5, bodyType: 3, body: { mrServiceTd: Buffer.alloc(48, 1) } })).toBe(ATTESTED_KEY_ERRORS.serviceTd);
    expect(await code({ body: { tdAttributes: Buffer.from('0100001000000000', 'hex') } })).toBe(QUOTE_ERRORS.debug);
    expect(await code({ intermediate: { name: 'Intel SGX TCB Signing' } })).toBe(QUOTE_ERRORS.issuer);
  });

  it.each<[string, (world: AttestWorld) => Promise<unknown>, Parameters<AttestWorld['attest']>[0], string]>([
    ['by collateral that was never posted, of the other CA', async () => undefined, { intermediate: { name: 'Intel SGX PCK Processor CA' } }, 'collateral-missing'],
    ['by collateral past its next update', async (of) => of.later(30 * DAY), {}, 'collateral-expired'],
    ['by a revoked certificate', (of) => of.post({ issuedAt: NOW - 1, revokedByCa: [0x69aan] }), {}, 'certificate-revoked'],
    ['by a platform below every level', (of) => of.post({ issuedAt: NOW - 1, levels: [{ pceSvn: 14 }] }), {}, 'no-level'],
    ['by a platform that is out of date', (of) => of.post({ issuedAt: NOW - 1, levels: [{ status: 'OutOfDate' }] }), {}, 'tcb-status'],
    ['by a platform that needs configuration', (of) => of.post({ issuedAt: NOW - 1, levels: [{ status: 'ConfigurationNeeded' }] }), {}, 'tcb-status'],
    ['by a revoked platform', (of) => of.post({ issuedAt: NOW - 1, levels: [{ status: 'Revoked' }] }), {}, 'tcb-status'],
    ['by an image that nobody proposed', async () => undefined, { body: { mrTd: Buffer.alloc(48, 1) } }, 'image'],
    ['by MRCONFIGID', async () => undefined, { body: { mrConfigId: Buffer.alloc(48, 1) } }, 'image'],
    ['by MROWNER', async () => undefined, { body: { mrOwner: Buffer.alloc(48, 1) } }, 'image'],
    ['by MROWNERCONFIG', async () => undefined, { body: { mrOwnerConfig: Buffer.alloc(48, 1) } }, 'image'],
    ...[0, 1, 2, 3].map((i): [string, (world: AttestWorld) => Promise<unknown>, Parameters<AttestWorld['attest']>[0], string] => [
      `by RTMR${i}`, async () => undefined, { body: { rtmr: [0, 1, 2, 3].map((j) => Buffer.alloc(48, i === j ? 1 : 0)) } }, 'image',
    ]),
    ['by a revoked image', (of) => of.registry.sendRevokeImage(of.governor.getSender(), { value: VALUE, imageHash: IMAGE_HASH }), {}, 'image'],
    ['by a stake without money', async (of) => of.stake.sendThaw(of.owner.getSender(), { value: VALUE, amount: 60_000_000_000n }), {}, 'stake-refused'],
  ])('finding 35: %s', async (_, prepare, options, reason) => {
    await prepare(world);
    const before = await balance(world.owner);
    const { transactions } = await world.attest(options);
    expect(judged(transactions)).toBe(reason);
    expect(await keyOf()).toBeNull();
    expect(before - (await balance(world.owner))).toBeLessThan(200_000_000n);
    expect((await balance(world.key))).toBeLessThan(10_000_000n);
  });
});

describe('a recheck', () => {
  const recheck = async () => world.key.sendRecheck(world.stranger.getSender(), { value: VALUE });

  it('by anybody leaves a key alone that is still what it was, and returns the money', async () => {
    await world.attest();
    const before = await balance(world.stranger);
    expect(judged((await recheck()).transactions)).toBe('fine');
    expect((await keyOf())?.endUnix).toBe(NOW + ATTESTED_SECONDS);
    expect(before - (await balance(world.stranger))).toBeLessThan(60_000_000n);
  });

  it.each<[string, (world: AttestWorld) => Promise<unknown>]>([
    ['image was revoked', (of) => of.registry.sendRevokeImage(of.governor.getSender(), { value: VALUE, imageHash: IMAGE_HASH })],
    ['certificate was revoked', (of) => of.post({ issuedAt: NOW - 1, revokedByCa: [0x69aan] })],
    ['CA was revoked', (of) => of.post({ issuedAt: NOW - 1, revokedByRoot: [0xca02n] })],
    ['platform was revoked', (of) => of.post({ issuedAt: NOW - 1, levels: [{ status: 'Revoked' }] })],
    ['platform is out of date', (of) => of.post({ issuedAt: NOW - 1, levels: [{ pceSvn: 14 }, { status: 'OutOfDate' }] })],
    ['platform is below every level', (of) => of.post({ issuedAt: NOW - 1, levels: [{ pceSvn: 14 }] })],
    ['CA was replaced', (of) => of.post({ issuedAt: NOW - 1, intermediate: { keyName: 'another platform CA', serial: 7n } })],
    ['PCE was replaced', (of) => of.post({ issuedAt: NOW - 1, pceId: '0001' })],
  ])('finding 50: ends a key at once whose %s', async (_, revoke) => {
    await world.attest();
    await revoke(world);
    world.later(5);
    const before = await balance(world.stranger);
    await recheck();
    expect((await keyOf())?.endUnix).toBe(NOW + 5);
    expect(before - (await balance(world.stranger))).toBeLessThan(60_000_000n);
  });

  it('cannot tell when the collateral is past its next update: the key then ends by itself', async () => {
    await world.attest();
    world.later(30 * DAY);
    expect(judged((await recheck()).transactions)).toBe('collateral-expired');
    expect((await keyOf())?.endUnix).toBe(NOW + ATTESTED_SECONDS);
  });

  it('finding 50: ends no key whose collateral was signed by a signer that is revoked now: it says nothing against the platform', async () => {
    await world.attest();
    await world.post({ issuedAt: NOW - 1, revokedByRoot: [SIMULATED_SIGNER_SERIAL] });
    expect(judged((await recheck()).transactions)).toBe('collateral-expired');
    expect((await keyOf())?.endUnix).toBe(NOW + ATTESTED_SECONDS);
  });

  it('of a key that was never attested is refused', async () => {
    await world.attest({}, { by: world.stranger }); // deploys, and is refused
    await world.attest({ body: { mrTd: Buffer.alloc(48, 1) } });
    expect(exitCodeAt((await recheck()).transactions, world.key)).toBe(ATTESTED_KEY_ERRORS.neverAttested);
  });
});
