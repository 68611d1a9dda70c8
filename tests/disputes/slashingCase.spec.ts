/** SlashingCase: two descents, the leaf, and the step that decides. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import { linearEvidence } from '../../disputes/checks/linear';
import { checkProof } from '../../disputes/checkTree';
import { CASE_VERDICTS, OP_SHOW_CHILDREN, readVerdict, SLASHING_CASE_ERRORS as E, SlashingCase, TURN_SECONDS } from '../../wrappers';
import { BOND, brokenModel, exitOf, Game, gasOf, MOVE } from './game';

const broken = () => Game.open('grouped', brokenModel('grouped', 0, 'gate'));

/** Evidence about the first element that differs from the honest leaf, or about this one. */
async function prove(game: Game, element?: number, change: (proof: Awaited<ReturnType<typeof checkProof>>) => void = () => undefined) {
  const [ours, theirs] = [await game.honest.leaf('inner', game.address), await game.liar.leaf('inner', game.address)];
  const size = ['gate', 'up'].includes(game.address.slot) && (game.config.flags & 2) === 0 ? 2 : 4;
  const first = ours.bytes!.findIndex((byte, i) => byte !== theirs.bytes![i]);
  const evidence = linearEvidence(game.config, game.prover, game.revealed, game.address, element ?? Math.floor(first / size));
  const proof = await checkProof('LinearCheck');
  change(proof);
  return game.contract.sendProveStep(game.challenger.getSender(), MOVE, { ...proof, evidence }) as never;
}

async function atProof(): Promise<Game> {
  const game = await broken();
  await game.descend();
  gasOf(await game.showLeaf());
  return game;
}

describe('a dispute about a wrong answer', () => {
  it('ends with a conviction where the worker had another weight, by one element that the chain computes again', async () => {
    const game = await broken();
    await game.descend();
    expect(game.address).toMatchObject({ group: 1, slot: 'gate' });
    gasOf(await game.showLeaf());
    const result = await prove(game);
    expect(game.verdict(result)).toBe(true);
    expect((await game.blockchain.getContract(game.contract.address)).balance).toBe(0n);
  });

  it('acquits a worker of whose leaf a right element is shown', async () => {
    const game = await atProof();
    const [ours, theirs] = [await game.honest.leaf('inner', game.address), await game.liar.leaf('inner', game.address)];
    const right = Array.from({ length: 64 }, (_, i) => i).find((i) => [0, 1].every((byte) => ours.bytes![2 * i + byte] === theirs.bytes![2 * i + byte]))!;
    expect(game.verdict(await prove(game, right))).toBe(false);
  });

  it('lets a challenger try again whose proof is invalid, or runs a code that is no check', async () => {
    const game = await atProof();
    expect(exitOf(await prove(game, 300))).toBe(E.proofInvalid);
    expect(exitOf(await prove(game, undefined, (proof) => (proof.index ^= 1)))).toBe(E.unknownCheck);
    expect(exitOf(await prove(game, undefined, (proof) => (proof.check = game.contract.init!.code)))).toBe(E.unknownCheck);
    expect(game.verdict(await prove(game))).toBe(true);
  });

  it('is lost by whoever is silent, at each turn; nobody ends it sooner, and no move comes later', async () => {
    const late = async (game: Game, isConvicted: boolean, move: () => Promise<never>): Promise<void> => {
      const anyone = game.worker.getSender();
      expect(exitOf((await game.contract.sendEndTurn(anyone, MOVE)) as never)).toBe(E.tooEarly);
      game.blockchain.now! += TURN_SECONDS;
      expect(exitOf(await move())).toBe(E.tooLate);
      expect(game.verdict((await game.contract.sendEndTurn(anyone, MOVE)) as never)).toBe(isConvicted);
    };
    const trace = await broken();
    await late(trace, true, () => trace.showTrace() as never);
    const choice = await broken();
    await choice.showTrace();
    await late(choice, false, () => choice.choose() as never);
    const children = await broken();
    await children.showTrace();
    await children.choose();
    await late(children, true, () => children.showChildren() as never);
    const position = await broken();
    await position.descendTrace();
    await late(position, true, () => position.showPosition() as never);
    const leaf = await broken();
    await leaf.descend();
    await late(leaf, true, () => leaf.showLeaf() as never);
    const proof = await atProof();
    await late(proof, false, () => prove(proof));
  });

  it('takes from the stake alone its opening, gives back the bond of a second one, and takes from the challenger alone his moves', async () => {
    const game = await broken();
    const open = { to: game.contract.address, value: MOVE, body: SlashingCase.openBody(BOND) };
    expect(exitOf((await game.worker.send(open)) as never)).toBe(E.notStake);
    expect(readVerdict((await (await game.stake).send(open)).transactions[2].inMessage!.body)).toMatchObject({ bond: BOND, verdict: CASE_VERDICTS.moot });
    expect(exitOf((await game.contract.sendChooseChild(game.challenger.getSender(), MOVE, 0)) as never)).toBe(E.notThisTurn);
    await game.showTrace();
    expect(exitOf((await game.contract.sendChooseChild(game.worker.getSender(), MOVE, 0)) as never)).toBe(E.notChallenger);
    expect(exitOf((await game.showTrace()) as never)).toBe(E.notThisTurn);
    expect(exitOf((await game.contract.sendProveContradiction(game.challenger.getSender(), MOVE, { hash: new Uint8Array(32), path: [] })) as never)).toBe(E.notThisTurn);
  });

  it('takes the trace that the receipt commits to, children that make their node, and a position that the worker signed', async () => {
    const game = await broken();
    const { traceRoot } = await game.honest.result();
    const children = await game.honest.children({ depth: 0, index: 0 });
    const other = { traceRoot, labelSalt: new Uint8Array(32), children };
    expect(exitOf((await game.contract.sendShowTrace(game.worker.getSender(), MOVE, other)) as never)).toBe(E.otherTrace);
    await game.showTrace();
    await game.choose();
    for (const change of [(list: Uint8Array[]) => list.reverse(), (list: Uint8Array[]) => (list[0] = new Uint8Array(32))]) {
      expect(exitOf((await game.showChildren(change)) as never)).toBe(E.otherChildren);
    }
    const position = await broken();
    await position.descendTrace();
    expect(exitOf((await position.showPosition(new Uint8Array(32).fill(1))) as never)).toBe(E.notSigned);
  });

  it('takes children three to a cell alone: the challenger must find the one that he chooses where it was hashed', async () => {
    const game = await broken();
    await game.showTrace();
    await game.choose();
    const children = await game.liarChildren();
    const one = (hash: Uint8Array, next: Cell | null): Cell => {
      const cell = beginCell().storeBuffer(Buffer.from(hash));
      return (next === null ? cell : cell.storeRef(next)).endCell();
    };
    const single = children.reduceRight<Cell | null>((next, hash) => one(hash, next), null)!;
    const body = beginCell().storeUint(OP_SHOW_CHILDREN, 32).storeRef(single).endCell();
    const result = await game.worker.send({ to: game.contract.address, value: MOVE, body });
    expect(exitOf(result as never)).toBe(E.otherChildren);
    gasOf(await game.showChildren());
  });

  it('convicts a worker whose position tree has not the leaf to which its trace commits, and no other', async () => {
    const twoFaced = await broken();
    await twoFaced.descendTrace();
    await twoFaced.showPosition(undefined, twoFaced.honest);
    expect(exitOf(await twoFaced.contradict(twoFaced.liar))).not.toBe(0);
    expect(twoFaced.verdict(await twoFaced.contradict(twoFaced.honest))).toBe(true);
    const consistent = await broken();
    await consistent.descendTrace();
    await consistent.showPosition();
    expect(exitOf(await consistent.contradict(consistent.liar))).toBe(E.noContradiction);
  });

  it('returns to whoever moves what the move did not use, and keeps the bond whole', async () => {
    const game = await broken();
    const before = await game.worker.getBalance();
    const held = (await game.blockchain.getContract(game.contract.address)).balance;
    await game.showTrace();
    expect(before - (await game.worker.getBalance())).toBeLessThan(40_000_000n);
    expect((await game.blockchain.getContract(game.contract.address)).balance).toBe(held);
    expect(held).toBeGreaterThanOrEqual(BOND);
  });
});
