/** Disputes at a stake: who may open a case, what it brings, and what its verdict does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginCell, Cell, toNano } from '@ton/core';
import { keyPairFromSeed, type KeyPair, sign } from '@ton/crypto';
import type { SandboxContract, SendMessageResult, TreasuryContract } from '@ton/sandbox';
import { loadChallengeOpening, storeChallengeOpening } from '../../build/Suite/Suite_ProviderStake';
import { caseSubject, modelRoots, requestOpening } from '../../disputes/opening';
import { type ChallengeGrant, challengeGrantHash, encodeTerms, receiptHash, requestCommitment, termsHash } from '../../protocol';
import {
  bondFor, CASE_RESERVE, CASE_VERDICTS, OP_CASE_ENDED, packCaseSubject, packChallengeReceipt, packChannel, PaymentChannel, PROVIDER_STAKE_ERRORS as E, type ReceiptChallenge,
  requiredChallengeValue, SlashingCase, TURN_SECONDS, toCell,
} from '../../wrappers';
import { brokenModel, Game, JOB, type Played, play } from '../disputes/game';
import { pricesOf } from '../support/config';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { FULL_BALANCE, fullState } from '../support/fullStake';
import { sizeOfCells } from '../support/sizeOfCells';
import { DAY, exitCode, gasUsed, signed, StakeWorld } from '../support/stakeWorld';

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
    world.chain.now = played.answer.receipt.issuedAt + 5 * DAY;
    const older = await answerAt(world, {}, { issuedAt: world.now - 5 * DAY - 1 });
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
    const other = await answerAt(world, {}, { promptTokens: 6 });
    expect(exitCode(await challenge(world, other), world.stake.address)).toBe(E.otherRequest);
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
