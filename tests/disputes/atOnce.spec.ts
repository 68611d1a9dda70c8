/** SlashingCase: what both descents would find, and the proof, in one move of the challenger. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { beginCell, Cell } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { linearEvidence } from '../../disputes/checks/linear';
import { checkProof } from '../../disputes/checkTree';
import { Defence } from '../../disputes/defence';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import { findHeld, type FoundStep } from '../../disputes/heldTrace';
import { caseSubject, modelRoots } from '../../disputes/opening';
import { RevealedTree } from '../../disputes/revealedTree';
import { innerAddressAt, leafIndex } from '../../exact/leafAddress';
import { treeDepths } from '../../exact/opTable';
import { labelSalt, receiptHash } from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import {
  CASE_TURNS, OP_PROVE_AT_ONCE, packPath, packProveAtOnce, positionHash, SLASHING_CASE_ERRORS as E, STEP_ERRORS, type StepAtOnce, TURN_SECONDS,
} from '../../wrappers';
import { NETWORK_ID } from '../support/jobWorld';
import { librariesOf, standIn } from '../support/libraries';
import { brokenModel, exitOf, Game, gasOf, JOB, MOVE, SALT, SEED } from './game';
import { dataOf, GAS_PRICE, keepEnded, turnOf, TURNS } from './turns';

const open = (): Promise<Game> => Game.open('grouped', brokenModel('grouped', 0, 'gate'));

/** What the worker holds, walked without the chain. @param of whose trees the worker shows in its position */
async function found(game: Game, of = game.liar): Promise<FoundStep> {
  const { model, prover, answer } = game.played;
  const subject = caseSubject(answer, modelRoots(model, prover));
  const defence = (trees: Game['liar']): Defence => new Defence({ model, kept: answer.payload, subject, sign: (hash) => nodeEd25519.sign(hash, SEED) }, trees);
  const [commit, inner] = [defence(game.liar), defence(of)];
  return (await findHeld(model.config, subject, SALT, game.honest, {
    traceRoot: () => commit.traceRoot(), children: (at) => commit.children(at), position: (t) => inner.position(t), innerChildren: (t, at) => inner.innerChildren(t, at),
    leaf: (t, index) => inner.leaf(t, index),
  }))!;
}

/** @param element another one than the first that differs */
async function stepOf(game: Game, step: FoundStep, element?: number): Promise<StepAtOnce> {
  const { config } = game;
  const address = innerAddressAt(config, step.t, step.leaf.index);
  const shown = { ...step, labelSalt: labelSalt('trace', SALT), leaf: { ...step.leaf, bytes: chainOf(leafCells(step.leaf.bytes)) } };
  if (step.isContradiction) return { ...shown, proof: null };
  const { bytes } = await game.honest.leaf('inner', address);
  const first = step.leaf.bytes.findIndex((byte, i) => byte !== bytes![i]);
  const tree = new RevealedTree(await game.honest.positionTree(step.t), step.inner);
  const evidence = linearEvidence(config, game.prover, tree, address, element ?? Math.floor(first / 2));
  return { ...shown, proof: { ...checkProof('LinearCheck'), evidence } };
}

const prove = async (game: Game, step: StepAtOnce, value = MOVE, from = game.challenger): Promise<SendMessageResult> =>
  (await game.contract.sendProveAtOnce(from.getSender(), value, step)) as never;

const signed = (game: Game, t: number, positionRoot: Uint8Array, seed = SEED, receipt = game.played.answer.receipt) => ({
  positionRoot, signature: nodeEd25519.sign(positionHash(NETWORK_ID, receiptHash(receipt), t, positionRoot), seed),
});

/** The worker's wrong step, and the proof of it: of every game the same. */
let way: FoundStep;
let step: StepAtOnce;
beforeAll(async () => {
  const game = await open();
  way = await found(game);
  step = await stepOf(game, way);
});

describe('a step that is proven at once', () => {
  it.each(TURNS)('convicts at the turn %s, and not once the turn has passed', async (turn, play) => {
    const game = await open();
    await play(game);
    expect(await turnOf(game)).toBe(CASE_TURNS[turn]);
    const before = game.blockchain.snapshot();
    game.blockchain.now! += TURN_SECONDS;
    expect(exitOf(await prove(game, step))).toBe(E.tooLate);
    await game.blockchain.loadFrom(before);
    game.blockchain.now! += TURN_SECONDS - 1;
    expect(game.verdict(await prove(game, step))).toBe(true);
    expect((await game.blockchain.getContract(game.contract.address)).balance).toBe(0n);
  });

  it('convicts of a leaf of another position than the one that was shown on chain', async () => {
    const game = await open();
    const { commitTotal } = treeDepths(game.config);
    const later = leafIndex(game.config, 'commit', { block: 0, position: way.t + 1, group: 1, slot: 'k8', leaf: 0 });
    await game.showTrace();
    for (let left = commitTotal; !game.isFound;) {
      if (left < commitTotal) await game.showChildren();
      const levels = Math.min(5, left);
      left -= levels;
      await game.choose((later >> left) % 2 ** levels);
    }
    await game.showPosition();
    expect(game.t).toBe(way.t + 1);
    expect(game.verdict(await prove(game, step))).toBe(true);
  });

  it('acquits a worker of whose leaf a right element is shown', async () => {
    const game = await open();
    const { leaf, t } = way;
    const { bytes } = await game.honest.leaf('inner', innerAddressAt(game.config, t, leaf.index));
    const right = Array.from({ length: 64 }, (_, i) => i).find((i) => [0, 1].every((byte) => bytes![2 * i + byte] === leaf.bytes[2 * i + byte]))!;
    expect(game.verdict(await prove(game, await stepOf(game, way, right)))).toBe(false);
  });

  it('is the challenger\'s alone, and what does not fit throws and leaves the case as it was', async () => {
    const game = await open();
    await game.showTrace();
    const { config, liar } = game;
    const other = await game.honest.result();
    const { t } = way;
    const before = (await dataOf(game)).hash();
    const hash = new Uint8Array(32).fill(9);
    const unused = leafIndex(config, 'commit', { block: 0, position: 0, group: config.layers + 1, slot: 'draw', leaf: 0 });
    const beyond = leafIndex(config, 'commit', { block: 0, position: JOB.promptTokens.length + JOB.maxTokens - 1, group: 1, slot: 'k8', leaf: 0 });
    const at = async (index: number): Promise<Partial<StepAtOnce>> => {
      const position = index >> treeDepths(config).commit;
      const { bytes, path } = await liar.leaf('commit', { block: 0, position, group: index === unused ? config.layers + 1 : 1, slot: index === unused ? 'draw' : 'k8', leaf: 0 });
      expect(bytes).toBeNull();
      return { committed: { hash: new Uint8Array(32), index, path }, position: signed(game, position, await liar.positionRoot(position)) };
    };
    const bent: [string, number | number[], Partial<StepAtOnce>][] = [
      ['another trace', E.otherTrace, { traceRoot: other.traceRoot }],
      ['another salt', E.otherTrace, { labelSalt: hash }],
      ['another hash of the committed leaf', STEP_ERRORS.otherLeaf, { committed: { ...step.committed, hash } }],
      ['another place of the committed leaf', STEP_ERRORS.otherLeaf, { committed: { ...step.committed, index: step.committed.index ^ 1 } }],
      ['a path of the committed leaf that leads elsewhere', STEP_ERRORS.otherLeaf, { committed: { ...step.committed, path: [hash, ...step.committed.path.slice(1)] } }],
      ['a shorter path of the committed leaf', 9, { committed: { ...step.committed, path: step.committed.path.slice(3) } }],
      ['a place behind the trace', STEP_ERRORS.otherLeaf, { committed: { ...step.committed, index: step.committed.index + 2 ** 28 } }],
      ['no draw of a position that draws nothing', STEP_ERRORS.otherLeaf, await at(unused)],
      ['a position more than the trace has', STEP_ERRORS.otherLeaf, await at(beyond)],
      ['a position that another key signed', E.notSigned, { position: signed(game, t, step.position.positionRoot, new Uint8Array(32).fill(1)) }],
      ['a position that was signed as another one', E.notSigned, { position: signed(game, t + 1, step.position.positionRoot) }],
      ['a position of another receipt', E.notSigned, { position: signed(game, t, step.position.positionRoot, SEED, { ...game.played.answer.receipt, seq: 1 }) }],
      ['another position', STEP_ERRORS.otherLeaf, { position: signed(game, t, await liar.positionRoot(t + 1)) }],
      ['another place of the leaf', [STEP_ERRORS.otherLeaf, STEP_ERRORS.cellLength], { leaf: { ...step.leaf, index: step.leaf.index ^ 1 } }],
      ['a place behind the position tree', [E.otherBytes, STEP_ERRORS.beyondTree], { leaf: { ...step.leaf, index: step.leaf.index + 2 ** 28 } }],
      ['a path of the leaf that leads elsewhere', STEP_ERRORS.otherLeaf, { leaf: { ...step.leaf, path: [hash, ...step.leaf.path.slice(1)] } }],
      ['other bytes', STEP_ERRORS.otherLeaf, { leaf: { ...step.leaf, bytes: chainOf(leafCells(Buffer.alloc(way.leaf.bytes.length))) } }],
      ['a place that no leaf has', E.otherBytes, { leaf: { ...step.leaf, index: 2 ** treeDepths(config).group * (config.layers + 2) } }],
      ['another place of the check', E.unknownCheck, { proof: { ...step.proof!, index: step.proof!.index ^ 1 } }],
      ['a code that is no check', E.unknownCheck, { proof: { ...step.proof!, check: game.contract.init!.code } }],
      ['a check of another slot', E.proofInvalid, { proof: { ...step.proof!, ...checkProof('NormCheck') } }],
      ['a check of receipts', E.proofInvalid, { proof: { ...step.proof!, ...checkProof('FinishReasonCheck') } }],
      ['evidence of nothing', E.proofInvalid, { proof: { ...step.proof!, evidence: Cell.EMPTY } }],
      ['no proof of a leaf that the trace has not', E.noContradiction, { proof: null }],
    ];
    expect(exitOf(await prove(game, step, MOVE, game.worker))).toBe(E.notChallenger);
    expect(exitOf(await prove(game, step, MOVE, await game.stake))).toBe(E.notChallenger);
    for (const [label, exit, change] of bent) {
      const came = exitOf(await prove(game, { ...step, ...change }));
      expect([label, [exit].flat().includes(came) ? exit : came]).toEqual([label, exit]);
    }
    expect((await dataOf(game)).hash()).toEqual(before);
    gasOf(await game.choose());
    expect(game.verdict(await prove(game, step))).toBe(true);
  });

  it('takes of the leaf its bytes alone, and a message that is whole', async () => {
    const game = await open();
    const { leaf } = way;
    const junk = beginCell().storeUint(7, 32).endCell();
    const cells = leafCells(leaf.bytes);
    const whole = chainOf(cells);
    const last = beginCell().storeBuffer(Buffer.from(cells.at(-1)!)).storeRef(standIn(Cell.EMPTY)).endCell();
    game.blockchain.libs = librariesOf(whole, Cell.EMPTY);
    const bent: Record<string, Cell> = {
      'a cell more below the first': new Cell({ bits: whole.bits, refs: [whole.refs[0], junk] }),
      'bits behind the last': cells.reduceRight((next, bytes) => beginCell().storeBuffer(Buffer.from(bytes)).storeRef(next).endCell(), junk),
      'a byte less': chainOf(leafCells(leaf.bytes.subarray(0, -1))),
      'a byte more': chainOf(leafCells(Buffer.concat([leaf.bytes, Buffer.alloc(1)]))),
      'another cut': chainOf([leaf.bytes.subarray(0, 119), ...leafCells(leaf.bytes.subarray(119))]),
      'a library\'s leaf': standIn(whole),
      'a library\'s cell behind the last': cells.slice(0, -1).reduceRight((next, bytes) => beginCell().storeBuffer(Buffer.from(bytes)).storeRef(next).endCell(), last),
    };
    for (const [label, bytes] of Object.entries(bent)) {
      const exit = exitOf(await prove(game, { ...step, leaf: { ...step.leaf, bytes } }));
      expect([label, [STEP_ERRORS.cellLength, 8, 9].includes(exit)]).toEqual([label, true]);
    }
    const body = packProveAtOnce(step);
    const send = async (cell: Cell): Promise<number> => exitOf((await game.challenger.send({ to: game.contract.address, value: MOVE, body: cell })) as never);
    expect(await send(beginCell().storeUint(OP_PROVE_AT_ONCE, 32).endCell())).toBe(9);
    const [place, shown, proof] = body.refs;
    expect(await send(new Cell({ bits: body.bits, refs: [place, shown] }))).toBe(9);
    expect(await send(new Cell({ bits: body.bits, refs: [new Cell({ bits: place.bits, refs: [packPath(step.leaf.path)] }), shown, proof] }))).toBe(9);
    expect(game.verdict(await prove(game, step))).toBe(true);
  });

  it('is not proven by a message that does not bring its gas, and by the next one that does', async () => {
    const game = await open();
    const gas = BigInt(gasOf(await prove(await open(), step)));
    for (const bought of [1_000n, gas / 4n, gas / 2n, gas - 1n]) {
      expect(game.verdict(await prove(game, step, GAS_PRICE * bought))).toBeUndefined();
      expect(await turnOf(game)).toBe(CASE_TURNS.trace);
    }
    expect(game.verdict(await prove(game, step))).toBe(true);
  });

  it('is not proven before the case is open, and not again after its end', async () => {
    const kept = await open();
    await keepEnded(kept);
    expect(exitOf(await prove(kept, step))).toBe(E.notThisTurn);
    const game = await open();
    expect(game.verdict(await prove(game, step))).toBe(true);
    expect(game.verdict(await prove(game, step))).toBeUndefined();
  });
});

describe('a worker that signs a position which its trace has not', () => {
  it('is convicted at once, and no other is: neither by another leaf nor by the right one', async () => {
    const twoFaced = await open();
    const torn = await found(twoFaced, twoFaced.honest);
    expect(torn.isContradiction).toBe(true);
    const { bytes, path } = await twoFaced.honest.leaf('inner', innerAddressAt(twoFaced.config, torn.t, 0));
    const elsewhere = { ...(await stepOf(twoFaced, torn)), leaf: { bytes: chainOf(leafCells(bytes!)), index: 0, path } };
    expect(exitOf(await prove(twoFaced, elsewhere))).toBe(E.noContradiction);
    expect(twoFaced.verdict(await prove(twoFaced, await stepOf(twoFaced, torn)))).toBe(true);
    const consistent = await open();
    const { index } = torn.leaf;
    const own = await consistent.liar.leaf('inner', innerAddressAt(consistent.config, way.t, index));
    expect(exitOf(await prove(consistent, { ...step, leaf: { bytes: chainOf(leafCells(own.bytes!)), index, path: own.path }, proof: null }))).toBe(E.noContradiction);
  });
});
