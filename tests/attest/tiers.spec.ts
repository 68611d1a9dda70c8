/** Bonded and attested keys in one stake: neither answers, or is labelled as, the other. */
import { beginCell, type Cell, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import { encodeReceipt, encodeTerms, keyClaimHash, receiptHash, SEMANTICS, Tier, type Terms } from '../../protocol';
import { ATTESTED_SECONDS, KEY_REMOVAL_DELAY_SECONDS, PROVIDER_STAKE_ERRORS, toCell } from '../../wrappers';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { AttestWorld, exitCodeAt, IMAGE_HASH, NOW, SEALING_KEY, STAKE, VALUE, WORKER } from './attestWorld';

/** Answers of KeyStatus, as in contracts/staking/keys.tact. */
const FINE = 0;
const ENDED = 3;
const OTHER_TIER = 4;
const OTHER_IMAGE = 5;
const BAD_DEADLINE = 7;

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const termsOf = (overrides: Partial<Terms> = {}): Terms => ({
  networkId: NETWORK_ID, tier: Tier.attested, visibility: 0, flags: 0, semantics: SEMANTICS, client: world.stranger.address.hash,
  stake: world.stake.address.hash, workerKey: WORKER.publicKey, salt: patternBytes(16, 7), modelRoot: patternBytes(32, 8),
  requestCommit: patternBytes(32, 9), responseKeyHash: patternBytes(32, 10), maxTokens: 100, expiresAt: world.chain.now! + 600,
  promptPrice: 0n, outputPrice: 0n, fixedPrice: toNano('0.1'), coverage: 0n, imageHash: new Uint8Array(32), ...overrides,
});

/** What the stake answers an escrow. */
async function ask(overrides: Partial<Terms> = {}): Promise<number | null> {
  const body = beginCell().storeUint(0x0c05, 32).storeRef(toCell(encodeTerms(termsOf(overrides)))).storeMaybeRef(null).endCell();
  const { transactions } = await world.stranger.send({ to: world.stake.address, value: toNano('1'), body });
  const reply = transactions.find(({ inMessage }) => String(inMessage?.info.src) === String(world.stake.address));
  const slice = reply!.inMessage!.body.beginParse();
  return slice.remainingBits === 40 && slice.loadUint(32) === 0x0c06 ? slice.loadUint(8) : null;
}

function bond() {
  const endUnix = NOW + 30 * 86_400;
  const claim = { networkId: NETWORK_ID, stake: world.stake.address.hash, sealingKey: SEALING_KEY, endUnix };
  const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
  return world.stake.sendAddWorkerKey(world.owner.getSender(), { value: VALUE, workerKey: WORKER.publicKey, sealingKey: SEALING_KEY, endUnix, proof });
}

describe('the stake, asked by an escrow,', () => {
  it('says that an attested key answers attested jobs alone', async () => {
    await world.attest();
    expect(await ask()).toBe(FINE);
    expect(await ask({ imageHash: IMAGE_HASH })).toBe(FINE);
    expect(await ask({ imageHash: patternBytes(32, 1) })).toBe(OTHER_IMAGE);
    for (const tier of [Tier.bonded, Tier.zk]) expect(await ask({ tier })).toBe(OTHER_TIER);
  });

  it('findings 9 and 55: says that a bonded key never answers an attested job', async () => {
    await bond();
    expect(await ask({ tier: Tier.bonded })).toBe(FINE);
    expect(await ask()).toBe(OTHER_TIER);
  });

  it('attack 50: lets an attested job last an hour at most, and not past its key', async () => {
    await world.attest();
    expect(await ask({ expiresAt: NOW + 3600 })).toBe(FINE);
    expect(await ask({ expiresAt: NOW + 3601 })).toBe(BAD_DEADLINE);
    world.chain.now = NOW + ATTESTED_SECONDS - 100;
    expect(await ask({ expiresAt: NOW + ATTESTED_SECONDS - 1 })).toBe(FINE);
    expect(await ask({ expiresAt: NOW + ATTESTED_SECONDS })).toBe(ENDED);
  });

  it('lets a key that a recheck ended answer nothing more', async () => {
    await world.attest();
    await world.registry.sendRevokeImage(world.governor.getSender(), { value: VALUE, imageHash: IMAGE_HASH });
    expect(await ask()).toBe(FINE); // the stake does not know yet: clients look at the registry
    await world.key.sendRecheck(world.stranger.getSender(), { value: VALUE });
    expect(await ask()).toBe(ENDED);
  });
});

describe('a worker key', () => {
  it('is of one tier for life', async () => {
    await world.attest();
    expect(exitCodeAt((await bond()).transactions, world.stake)).toBe(PROVIDER_STAKE_ERRORS.otherTier);
    world = await AttestWorld.create();
    await bond();
    expect(exitCodeAt((await world.attest()).transactions, world.stake)).toBe(PROVIDER_STAKE_ERRORS.otherTier);
    expect((await world.stake.getWorkerKey(WORKER.publicKey))?.tier).toBe(Tier.bonded);
  });

  it('finding 45: that is attested leaves its slot a day after its end, when nothing that it promised can be reported any more', async () => {
    await world.attest();
    const prune = async () => exitCodeAt((await world.stake.sendPruneWorkerKey(world.stranger.getSender(), { value: VALUE, workerKey: WORKER.publicKey })).transactions, world.stake);
    world.chain.now = NOW + ATTESTED_SECONDS + 86_400 - 1;
    expect(await prune()).toBe(PROVIDER_STAKE_ERRORS.keyAccountable);
    world.later(1);
    expect(await prune()).toBe(0);
    expect(await world.stake.getWorkerKey(WORKER.publicKey)).toBeNull();
  });

  it('that is attested is removed by its owner as any other', async () => {
    await world.attest();
    await world.stake.sendRemoveWorkerKey(world.owner.getSender(), { value: VALUE, workerKey: WORKER.publicKey });
    expect(await ask({ expiresAt: NOW + KEY_REMOVAL_DELAY_SECONDS - 1 })).toBe(FINE);
    expect(await ask({ expiresAt: NOW + KEY_REMOVAL_DELAY_SECONDS })).toBe(ENDED);
  });

  it('finding 9: that signs under the other tier costs its stake half', async () => {
    const mislabelled = async (tier: number): Promise<Cell> => {
      const terms = termsOf({ tier });
      const receipt = {
        networkId: NETWORK_ID, termsHash: toCell(encodeTerms(terms)).hash(), escrow: world.stranger.address.hash, seq: 0, index: 0, final: true, finishReason: 1,
        issuedAt: NOW, dueNano: toNano('0.1'), sealedHash: patternBytes(32, 11), responseCommit: patternBytes(32, 12), traceCommit: patternBytes(32, 13),
        promptTokens: 3, outputTokens: 20,
      };
      const signature = sign(Buffer.from(receiptHash(receipt)), WORKER.secretKey);
      const receiptCell = beginCell().storeBuffer(signature).storeRef(toCell(encodeReceipt(receipt))).endCell();
      return beginCell().storeUint(0x0c18, 32).storeUint(0, 64).storeRef(toCell(encodeTerms(terms))).storeRef(receiptCell).endCell();
    };
    const report = async (tier: number) => exitCodeAt((await world.stranger.send({ to: world.stake.address, value: VALUE, body: await mislabelled(tier) })).transactions, world.stake);
    await world.attest();
    expect(await report(Tier.attested)).toBe(PROVIDER_STAKE_ERRORS.labelHolds);
    expect(await report(Tier.bonded)).toBe(0);
    expect((await world.stake.getStatus()).active).toBe(STAKE / 2n);
  });
});
