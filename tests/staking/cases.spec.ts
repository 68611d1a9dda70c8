/** Disputes at a stake: who may open a case, what it brings, and what its verdict does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Address, beginCell, Cell, ExternalAddress, toNano } from '@ton/core';
import { keyPairFromSeed, type KeyPair, sign } from '@ton/crypto';
import fc from 'fast-check';
import type { SandboxContract, SendMessageResult, TreasuryContract } from '@ton/sandbox';
import { loadChallengeOpening, storeChallengeOpening } from '../../build/Suite/Suite_ProviderStake';
import { checkConfig, type ExactConfig } from '../../exact/config';
import type { ModelConfigError } from '../../exact/errors';
import { node, sha256 } from '../../exact/merkle';
import { caseSubject, modelRoots, requestOpening } from '../../disputes/opening';
import { type ChallengeGrant, challengeGrantHash, encodeTerms, receiptHash, requestCommitment, termsHash } from '../../protocol';
import {
  bondFor, CASE_RESERVE, CASE_VERDICTS, DISPUTE_WINDOW_SECONDS, OP_CASE_ENDED, packCaseSubject, packChallengeReceipt, packChannel, PaymentChannel, PROVIDER_STAKE_ERRORS as E, type ReceiptChallenge,
  requiredChallengeValue, SlashingCase, TURN_SECONDS, toCell,
} from '../../wrappers';
import { toInteger } from '../../wrappers/cells';
import { brokenModel, Game, JOB, type Played, play } from '../disputes/game';
import { withoutLastBit, withoutLastRef } from '../support/cellBits';
import { pricesOf } from '../support/config';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { FULL_BALANCE, fullState } from '../support/fullStake';
import { librariesOf, standIn } from '../support/libraries';
import { handled, inject, outcome, snapshotOf } from '../support/stakeActions';
import { sizeOfCells } from '../support/sizeOfCells';
import { DAY, exitCode, gasUsed, signed, StakeWorld, WORKER } from '../support/stakeWorld';

const source = readFileSync(join(__dirname, '../../contracts/staking/parameters.tact'), 'utf8');
const constant = (name: string): number => Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source)![1]);

const VALUE = toNano('3');
const MOVE = toNano('0.5');
const broken = brokenModel('grouped', 0, 'gate');
const CLIENT_KEY = keyPairFromSeed(Buffer.alloc(32, 40));
const CLAIM_KEY = keyPairFromSeed(Buffer.alloc(32, 41));

const channelTerms = (world: StakeWorld) => ({
  networkId: NETWORK_ID, client: world.client.address, clientKey: CLIENT_KEY.publicKey, stake: world.stake.address, payout: world.owner.address,
  claimKey: CLAIM_KEY.publicKey, closeDelay: 3600, expiry: world.now + 30 * DAY,
});

/** Of two descents through trees of 30 levels, the most that a config may have: a root, its children round by round, the choices; the leaf, the proof. */
const LONGEST_MOVES = 2 * (2 * Math.ceil(30 / 5)) + 2;

/** Whether a model can have it, but for the depth of its trees. */
function isAllowed(config: ExactConfig): boolean {
  try {
    checkConfig(config);
    return true;
  } catch (error) {
    return (error as ModelConfigError).code === 'model.config.trace';
  }
}

/** Cells of which no two are the same, four below each. */
function treeOfCells(levels: number, place = 1): Cell {
  const cell = beginCell().storeUint(place, 512);
  for (let i = 0; levels > 1 && i < 4; i++) cell.storeRef(treeOfCells(levels - 1, 4 * place + i));
  return cell.endCell();
}

/** Unchecked. */
function configBytes(config: ExactConfig): Buffer {
  const { formatVersion, semantics, layers, dim, heads, kvHeads, headDim, ffn, vocab, context, flags, epsTerm } = config;
  const bytes = Buffer.alloc(32);
  [formatVersion, semantics, layers, dim, heads, kvHeads, headDim, ffn].forEach((x, i) => bytes.writeUInt16BE(x, 2 * i));
  [vocab, context, flags, epsTerm].forEach((x, i) => bytes.writeUInt32BE(x, 16 + 4 * i));
  return bytes;
}

type Account = SandboxContract<TreasuryContract>;
type Overrides = Parameters<typeof play>;

/** A wrong answer of this stake's worker, as its terms and receipt say. */
const answerAt = (world: StakeWorld, terms: Overrides[4] = {}, receipt: Overrides[5] = {}): Promise<Played> =>
  play('grouped', broken, { stake: world.stake.address.hash, client: world.client.address.hash }, JOB, terms, receipt);

const challengeOf = ({ answer, model, prover }: Played, challenger: Account): ReceiptChallenge => ({
  challenger: challenger.address, terms: toCell(encodeTerms(answer.terms)), receipt: signed(answer.receipt), request: requestOpening(answer.payload),
  model: modelRoots(model, prover),
});

async function challenge(
  world: StakeWorld, played: Played, from: Account = world.client, change: Partial<ReceiptChallenge> = {}, value = VALUE,
): Promise<SendMessageResult> {
  return (await world.stake.sendChallenge(from.getSender(), { value, ...challengeOf(played, from), ...change })) as never;
}

const caseOf = async (world: StakeWorld, { answer, model, prover }: Played, challenger: Account): Promise<SlashingCase> =>
  SlashingCase.fromSubject(world.stake.address, challenger.address, caseSubject(answer, modelRoots(model, prover)));

/** The case that was opened, to be played on. */
async function gameOf(world: StakeWorld, played: Played, challenger: Account = world.client): Promise<Game> {
  return new Game(world.chain, challenger, world.watcher, world.chain.openContract(await caseOf(world, played, challenger)), played);
}

/** Nobody moves for a turn. */
async function silence(game: Game, caller: Account): Promise<SendMessageResult> {
  game.blockchain.now! += TURN_SECONDS;
  return (await game.contract.sendEndTurn(caller.getSender(), MOVE)) as never;
}

/** What an account got in these transactions, nanoTON. */
const received = ({ transactions }: SendMessageResult, account: Account): bigint =>
  transactions.reduce((sum, { inMessage }) => {
    const info = inMessage?.info;
    return info?.type === 'internal' && info.dest.equals(account.address) ? sum + info.value.coins : sum;
  }, 0n);

/** A challenge that brings some other contract. */
async function otherCode(challenge: ReceiptChallenge): Promise<Cell> {
  const body = await packChallengeReceipt(challenge);
  const opening = body.refs[2];
  const bent = beginCell().store(storeChallengeOpening({ ...loadChallengeOpening(opening.beginParse()), code: Cell.EMPTY })).endCell();
  return body.refs.reduce((cell, ref, i) => cell.storeRef(i === 2 ? bent : ref), beginCell().storeBits(body.bits)).endCell();
}

describe('a case about a receipt', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));

  it('finding 37: is opened at the address that the SDK computes, with its bond and reserve; the rest of the value returns', async () => {
    const played = await answerAt(world);
    const before = await world.client.getBalance();
    expect(exitCode(await challenge(world, played), world.stake.address)).toBe(0);
    const slashing = await caseOf(world, played, world.client);
    const { balance, accountState } = await world.chain.getContract(slashing.address);
    expect(accountState?.type).toBe('active');
    expect(balance).toBe(bondFor(played.answer.terms.fixedPrice) + CASE_RESERVE);
    expect(before - (await world.client.getBalance())).toBeLessThan(balance + toNano('0.1'));
    expect(await world.stake.getStatus()).toMatchObject({ openCases: 1 });
    expect(await world.isSolvent()).toBe(true);
  });

  it('finding 31: has a bond of a tenth of the price, between 1 and 25 TON, and is refused with one nanoTON less than it takes', async () => {
    for (const [factor, fixedPrice, bond] of [[1n, toNano('0.1'), toNano('1')], [1n, toNano('40'), toNano('4')], [10n, toNano('1000'), toNano('25')]] as const) {
      world = await StakeWorld.create(factor);
      const played = await answerAt(world, { fixedPrice });
      const least = requiredChallengeValue(fixedPrice, pricesOf(world.chain));
      expect(exitCode(await challenge(world, played, world.client, {}, least - 1n), world.stake.address)).toBe(E.valueBelowFees);
      expect(exitCode(await challenge(world, played, world.client, {}, least), world.stake.address)).toBe(0);
      const { balance, accountState } = await world.chain.getContract((await caseOf(world, played, world.client)).address);
      expect({ balance, type: accountState?.type }).toEqual({ balance: bond + CASE_RESERVE, type: 'active' });
    }
  });

  it('finding 31: has a price by token counts that the client agreed to, not by those of the receipt', async () => {
    const played = await answerAt(world, { fixedPrice: 0n, promptPrice: toNano('1000000'), outputPrice: toNano('4000000'), maxTokens: 10 }, { outputTokens: 3 });
    await challenge(world, played, world.client, {}, toNano('10'));
    const { balance } = await world.chain.getContract((await caseOf(world, played, world.client)).address);
    expect(balance).toBe((toNano('5') + toNano('40')) / 10n + CASE_RESERVE);
  });

  it('finding 26: about a sealed job is opened by its client, about a public one by anybody', async () => {
    const secret = await answerAt(world);
    expect(exitCode(await challenge(world, secret, world.watcher), world.stake.address)).toBe(E.notGranted);
    expect(exitCode(await challenge(world, secret, world.client, { challenger: world.watcher.address }), world.stake.address)).toBe(0);
    const open = await answerAt(world, { visibility: 1 });
    expect(exitCode(await challenge(world, open, world.watcher), world.stake.address)).toBe(0);
  });

  it('finding 26: is opened by whoever has a grant of the channel that the receipt names, for this receipt, to him, in time', async () => {
    const terms = channelTerms(world);
    const channel = await PaymentChannel.fromTerms(terms);
    const played = await answerAt(world, {}, { escrow: channel.address.hash, seq: 4 });
    const granted: ChallengeGrant = {
      networkId: NETWORK_ID, stake: world.stake.address.hash, receiptHash: receiptHash(played.answer.receipt), challenger: world.watcher.address.hash, expires: world.now + 1,
    };
    const attempt = async (change: Partial<ChallengeGrant> = {}, key: KeyPair = CLIENT_KEY, shown = terms): Promise<number> => {
      const grant = { ...granted, ...change };
      const signature = sign(Buffer.from(challengeGrantHash(grant)), key.secretKey);
      return exitCode(await challenge(world, played, world.watcher, { grant: { grant, signature, channel: packChannel(shown) } }), world.stake.address);
    };
    expect(await attempt({ networkId: 1 })).toBe(E.notGranted);
    expect(await attempt({ stake: patternBytes(32, 1) })).toBe(E.notGranted);
    expect(await attempt({ receiptHash: patternBytes(32, 1) })).toBe(E.notGranted);
    expect(await attempt({ challenger: world.owner.address.hash })).toBe(E.notGranted);
    expect(await attempt({ expires: world.now })).toBe(E.notGranted);
    expect(await attempt({}, CLAIM_KEY)).toBe(E.notGranted);
    expect(await attempt({}, CLAIM_KEY, { ...terms, clientKey: CLAIM_KEY.publicKey })).toBe(E.notGranted);
    expect(await attempt()).toBe(0);
  });

  it('is about final receipts of bonded keys for the arithmetic of this version alone, signed by the key of the terms', async () => {
    const refuse = async (code: number, terms: Overrides[4], receipt: Overrides[5] = {}, change: Partial<ReceiptChallenge> = {}): Promise<void> => {
      expect(exitCode(await challenge(world, await answerAt(world, terms, receipt), world.client, change), world.stake.address)).toBe(code);
    };
    await refuse(E.notChallengeable, {}, { final: false });
    await refuse(E.notChallengeable, { semantics: 0x8001 });
    await refuse(E.notChallengeable, { tier: 1 });
    await refuse(E.otherStake, { stake: patternBytes(32, 1) });
    await refuse(E.otherStake, {}, { networkId: 1 });
    await refuse(E.otherTerms, {}, { termsHash: patternBytes(32, 1) });
    await refuse(E.keyUnknown, { workerKey: CLIENT_KEY.publicKey });
    const played = await answerAt(world);
    await refuse(E.notSignedByKey, {}, {}, { receipt: signed(played.answer.receipt, CLIENT_KEY) });
  });

  it('is opened within the dispute window, and about no job that was punished', async () => {
    const played = await answerAt(world);
    world.chain.now = played.answer.receipt.issuedAt + DISPUTE_WINDOW_SECONDS;
    const older = await answerAt(world, {}, { issuedAt: world.now - DISPUTE_WINDOW_SECONDS - 1 });
    expect(exitCode(await challenge(world, older), world.stake.address)).toBe(E.windowOver);
    expect(exitCode(await challenge(world, played), world.stake.address)).toBe(0);
    await silence(await gameOf(world, played), world.watcher);
    expect(exitCode(await challenge(world, { ...played, answer: (await answerAt(world, {}, { issuedAt: world.now })).answer }), world.stake.address)).toBe(E.alreadyConvicted);
  });

  it('finding 27: is about the model and the request that the terms commit to', async () => {
    const played = await answerAt(world);
    const { model, request } = challengeOf(played, world.client);
    for (const part of ['config', 'rowsRoot', 'tablesRoot', 'tokenizer'] as const) {
      const bent = { ...model, [part]: Buffer.from(model[part]).map((byte, i) => (i === 31 ? byte ^ 1 : byte)) };
      expect(exitCode(await challenge(world, played, world.client, { model: bent }), world.stake.address)).toBe(E.otherModel);
    }
    expect(exitCode(await challenge(world, played, world.client, { request: { ...request, labelSalt: patternBytes(32, 1) } }), world.stake.address)).toBe(E.otherRequest);
    expect(exitCode(await challenge(world, played, world.client, { request: { ...request, header: Cell.EMPTY } }), world.stake.address)).toBe(9);
    for (const sampling of [{ t: 2 ** 21 }, { topK: 257 }, { minPX: 24_576 }]) {
      const { answer, ...rest } = await answerAt(world);
      const payload = { ...answer.payload, request: { ...answer.payload.request, sampling: { ...answer.payload.request.sampling, ...sampling } } };
      const terms = { ...answer.terms, requestCommit: requestCommitment(payload) };
      const receipt = { ...answer.receipt, termsHash: termsHash(terms) };
      expect(exitCode(await challenge(world, { ...rest, answer: { terms, payload, receipt } }), world.stake.address)).toBe(E.otherRequest);
    }
  });

  it('finding 19: that ends by silence of the worker takes half of the stake; others about the same job are moot and return their bond', async () => {
    const played = await answerAt(world, { visibility: 1 });
    await challenge(world, played);
    await challenge(world, played, world.watcher);
    const [first, second] = [await gameOf(world, played), await gameOf(world, played, world.watcher)];
    const burnt = await world.burnt();
    const won = await silence(first, world.owner);
    const { active, slashed, openCases, faults } = await world.stake.getStatus();
    expect({ active, slashed, openCases, faults }).toEqual({ active: toNano('50'), slashed: toNano('50'), openCases: 1, faults: 1 });
    expect(received(won, world.owner)).toBeGreaterThan(MOVE - toNano('0.05'));
    // Five bonds to the challenger, ten prices and 1 TON to the client; here both are the same account.
    expect(received(won, world.client)).toBeGreaterThan(toNano('5') + toNano('2') + toNano('1'));
    expect(received(won, world.client)).toBeLessThan(toNano('8.1'));
    expect((await world.burnt()) - burnt).toBeGreaterThan(toNano('42.9'));
    const moot = (await second.contract.sendEndTurn(world.owner.getSender(), MOVE)) as never as SendMessageResult;
    expect(received(moot, world.watcher)).toBeGreaterThan(toNano('1'));
    expect(received(moot, world.watcher)).toBeLessThan(toNano('1.1'));
    expect(await world.stake.getStatus()).toMatchObject({ active, slashed, openCases: 0, faults });
    expect(await world.isSolvent()).toBe(true);
  });

  it('that a silent challenger loses pays its bond to the owner, and bars no other case', async () => {
    const played = await answerAt(world);
    await challenge(world, played);
    const game = await gameOf(world, played);
    await game.showTrace();
    const lost = await silence(game, world.watcher);
    expect(received(lost, world.owner)).toBeGreaterThan(toNano('1'));
    expect(await world.stake.getStatus()).toMatchObject({ active: toNano('100'), openCases: 0 });
    expect(exitCode(await challenge(world, { ...played }), world.stake.address)).toBe(0);
  });

  it('that is open already gives a second bond of the same challenger back', async () => {
    const played = await answerAt(world);
    await challenge(world, played);
    const again = await challenge(world, played);
    expect(received(again, world.client)).toBeGreaterThan(toNano('2.9'));
    expect(await world.stake.getStatus()).toMatchObject({ openCases: 1 });
  });

  it('finding 15: keeps the stake from being withdrawn until its verdict', async () => {
    await world.stake.sendThaw(world.owner.getSender(), { value: toNano('1'), amount: toNano('60') });
    const thawed = world.now + 15 * DAY;
    world.chain.now = thawed - TURN_SECONDS;
    const late = await answerAt(world, {}, { issuedAt: world.now });
    await challenge(world, late);
    world.chain.now = thawed;
    const withdraw = async (): Promise<number> => exitCode((await world.stake.sendWithdraw(world.owner.getSender(), { value: toNano('1') })) as never, world.stake.address);
    expect(await withdraw()).toBe(E.casesOpen);
    await (await gameOf(world, late)).contract.sendEndTurn(world.owner.getSender(), MOVE);
    expect(await world.stake.getStatus()).toMatchObject({ thawing: toNano('30'), openCases: 0 });
    expect(await withdraw()).toBe(0);
  });

  it('has a verdict that nobody but the case can give', async () => {
    const played = await answerAt(world);
    await challenge(world, played);
    const subject = packCaseSubject(caseSubject(played.answer, modelRoots(played.model, played.prover)));
    const verdict = beginCell().storeUint(OP_CASE_ENDED, 32).storeRef(subject).storeAddress(world.client.address).storeCoins(toNano('1')).storeUint(CASE_VERDICTS.convicted, 8).endCell();
    for (const from of [world.client, world.owner, world.watcher]) {
      const result = await from.send({ to: world.stake.address, value: MOVE, body: verdict });
      expect(exitCode(result as never, world.stake.address)).toBe(E.notCase);
    }
    expect(await world.stake.getStatus()).toMatchObject({ openCases: 1, faults: 0 });
  });

  it('is not opened by another code than that of the case', async () => {
    const played = await answerAt(world);
    const result = await world.client.send({
      to: world.stake.address, value: VALUE,
      body: await otherCode(challengeOf(played, world.client)),
    });
    expect(exitCode(result as never, world.stake.address)).toBe(E.otherCaseCode);
  });

  it('finding 15: is opened whole or not at all, whatever else the challenge carries: a case that never was would hold the stake for ever', async () => {
    const played = await answerAt(world, { visibility: 1 });
    const body = await packChallengeReceipt(challengeOf(played, world.watcher));
    const opening = loadChallengeOpening(body.refs[2].beginParse());
    // Parts that mean the same with something behind them, as much as a message may have.
    const behind = treeOfCells(6);
    const [roots, tokenizer] = [opening.model.beginParse(), opening.model.refs[0]];
    const models = [
      beginCell().storeBits(opening.model.bits).storeRef(tokenizer).storeRef(behind).endCell(),
      beginCell().storeBits(roots.loadBits(roots.remainingBits)).storeRef(beginCell().storeBits(tokenizer.bits).storeRef(behind)).endCell(),
    ];
    for (const model of models) {
      world = await StakeWorld.create();
      const bent = beginCell().store(storeChallengeOpening({ ...opening, model })).endCell();
      const message = body.refs.reduce((cell, ref, i) => cell.storeRef(i === 2 ? bent : ref), beginCell().storeBits(body.bits)).endCell();
      const value = requiredChallengeValue(played.answer.terms.fixedPrice, pricesOf(world.chain));
      const result = await inject(world, world.watcher.address, message, value);
      const opened = await world.chain.getContract((await caseOf(world, played, world.watcher)).address);
      const isOpen = opened.accountState?.type === 'active' && opened.balance === bondFor(0n) + CASE_RESERVE;
      expect({ isTaken: outcome(result, world) === 0, openCases: (await world.stake.getStatus()).openCases }).toEqual({ isTaken: isOpen, openCases: isOpen ? 1 : 0 });
    }
    world = await StakeWorld.create();
    const masterchain = await challenge(world, played, world.watcher, { challenger: new Address(-1, world.watcher.address.hash) });
    expect(outcome(masterchain, world)).toBe(E.challengerNotBasechain);
    // What a library has may be gone when the case is told to open.
    const borrowed = beginCell().store(storeChallengeOpening({ ...opening, model: standIn(opening.model) })).endCell();
    const message = body.refs.reduce((cell, ref, i) => cell.storeRef(i === 2 ? borrowed : ref), beginCell().storeBits(body.bits)).endCell();
    world.chain.libs = librariesOf(opening.model);
    expect(outcome(await inject(world, world.watcher.address, message, VALUE), world)).toBe(E.otherModel);
    world.chain.libs = undefined;
    const nobody = await challenge(world, played, world.watcher, { challenger: new ExternalAddress(5n, 8) as unknown as Address });
    expect(outcome(nobody, world)).not.toBe(0);
    expect(await world.stake.getStatus()).toMatchObject({ openCases: 0 });
  });

  it('finding 27: is opened with the least value about every config that a model can have, and about no other', async () => {
    const field = (values: number[]) => fc.constantFrom(...values);
    const configs = fc.record({
      formatVersion: field([2, 2, 2, 2, 2, 1, 3]), semantics: field([2, 2, 2, 2, 2, 1]), layers: field([1, 126, 126, 0, 127]), dim: field([64, 4096, 8192, 8192, 0, 65, 8256]),
      heads: field([1, 32, 64, 64, 0, 65]), kvHeads: field([1, 8, 64, 0, 3]), headDim: field([16, 64, 128, 128, 0, 24]), ffn: field([64, 14336, 28672, 28672, 0, 100, 28736]),
      vocab: field([256, 128256, 262144, 262144, 255, 262145]), context: field([256, 8192, 32768, 32768, 0, 300, 33024]), flags: field([0, 1, 2, 3, 3, 4]), epsTerm: field([1, 4096, 0]),
    });
    const largest = {
      formatVersion: 2, semantics: 2, layers: 126, dim: 8192, heads: 64, kvHeads: 64, headDim: 128, ffn: 28672, vocab: 262144, context: 32768, flags: 3, epsTerm: 1,
    };
    const counts = { opened: 0, refused: 0 };
    const answer = await answerAt(world);
    await fc.assert(fc.asyncProperty(configs, async (config) => {
      world = await StakeWorld.create();
      const bytes = configBytes(config);
      const roots = { ...modelRoots(answer.model, answer.prover), config: bytes };
      const modelRoot = node(node(sha256(bytes), roots.rowsRoot), node(roots.tokenizer, roots.tablesRoot));
      const played = await answerAt(world, { modelRoot });
      const value = requiredChallengeValue(played.answer.terms.fixedPrice, pricesOf(world.chain));
      const code = exitCode(await challenge(world, played, world.client, { model: roots }, value), world.stake.address);
      const isValid = isAllowed(config);
      counts[isValid ? 'opened' : 'refused']++;
      expect({ config, code }).toEqual({ config, code: isValid ? 0 : E.otherModel });
      if (!isValid) return;
      const slashing = await SlashingCase.fromSubject(world.stake.address, world.client.address, caseSubject(played.answer, roots));
      const { balance, accountState } = await world.chain.getContract(slashing.address);
      expect({ config, type: accountState?.type, balance }).toEqual({ config, type: 'active', balance: bondFor(0n) + CASE_RESERVE });
    }), { numRuns: 25, seed: 5, examples: [[largest], [{ ...largest, heads: 1, kvHeads: 1, headDim: 16, dim: 64, ffn: 64, layers: 1, vocab: 256, context: 256 }], [{ ...largest, heads: 8, kvHeads: 8 }]] });
    expect(Math.min(counts.opened, counts.refused)).toBeGreaterThan(2);
  });

  it('finding 26: is never about a key that attests, whatever tier its terms say', async () => {
    const state = fullState(world.now, { freeCases: 1 });
    for (const [tier, code] of [[0n, 0], [1n, E.notChallengeable]] as const) {
      state.keys.set(toInteger(WORKER.publicKey), { ...state.keys.get(toInteger(WORKER.publicKey))!, tier });
      await world.setState(state, FULL_BALANCE);
      expect(exitCode(await challenge(world, await answerAt(world)), world.stake.address)).toBe(code);
    }
  });

  it('changes nothing where its message is not of its form, and returns the value', async () => {
    const whole = await packChallengeReceipt(challengeOf(await answerAt(world), world.client));
    const before = await snapshotOf(world);
    const bodies = [withoutLastBit(whole), withoutLastRef(whole), beginCell().storeBits(whole.bits.substring(0, 32)).endCell()];
    for (const [index, ref] of whole.refs.entries()) {
      for (const bent of [...(ref.bits.length > 0 ? [withoutLastBit(ref)] : []), withoutLastRef(ref)]) {
        bodies.push(whole.refs.reduce((cell, one, i) => cell.storeRef(i === index ? bent : one), beginCell().storeBits(whole.bits)).endCell());
      }
    }
    for (const body of bodies) {
      const result = await inject(world, world.client.address, body, VALUE);
      expect(outcome(result, world)).not.toBe(0);
      expect((await snapshotOf(world)).data).toBe(before.data);
      expect(handled(result, world).outMessagesCount).toBe(1);
    }
  });

  it('has a reserve that pays for its longest rest, at ten times the prices', async () => {
    world = await StakeWorld.create(10n);
    const played = await answerAt(world);
    await challenge(world, played, world.client, {}, toNano('6'));
    const game = await gameOf(world, played);
    world.chain.now = world.now + LONGEST_MOVES * TURN_SECONDS;
    await game.contract.sendEndTurn(world.owner.getSender(), toNano('2'));
    expect(await world.stake.getStatus()).toMatchObject({ faults: 1, openCases: 0 });
  });

  it('takes no more gas and forwards no larger message than its value must bring, of the largest stake and job, and not much less', async () => {
    const stops = { ...JOB, stopTokens: Array.from({ length: 255 }, (_, i) => i), promptTokens: Array.from({ length: 200 }, (_, i) => i) };
    const terms = channelTerms(world);
    const { address } = await PaymentChannel.fromTerms(terms);
    const parties = { stake: world.stake.address.hash, client: world.client.address.hash };
    const played = await play('grouped', broken, parties, stops, {}, { escrow: address.hash });
    await world.setState(fullState(world.now, { freeCases: 1, isDeep: true }), FULL_BALANCE);
    const grant = { networkId: NETWORK_ID, stake: parties.stake, receiptHash: receiptHash(played.answer.receipt), challenger: world.watcher.address.hash, expires: world.now + 1 };
    const signature = sign(Buffer.from(challengeGrantHash(grant)), CLIENT_KEY.secretKey);
    const opened = await challenge(world, played, world.watcher, { grant: { grant, signature, channel: packChannel(terms) } }, toNano('5'));
    const [stakeGas, caseGas] = [gasUsed(opened, world.stake.address), gasUsed(opened, (await caseOf(world, played, world.watcher)).address)];
    const [deploying] = [...opened.transactions.find(({ inMessage }) => inMessage?.info.dest?.toString() === world.stake.address.toString())!.outMessages.values()];
    const { cells, bits } = sizeOfCells(deploying.init!.code!, deploying.init!.data!, deploying.body);
    for (const [name, used] of [['GAS_CHALLENGE', stakeGas], ['GAS_OPEN_CASE', caseGas], ['CASE_MAX_CELLS', cells], ['CASE_MAX_BITS', bits]] as const) {
      expect({ name, fits: constant(name) >= Number(used), isClose: constant(name) <= Number(used) * 1.25 }).toEqual({ name, fits: true, isClose: true });
    }
  });
});
