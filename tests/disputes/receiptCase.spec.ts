/** SlashingCase: a lie that needs no descent, at every turn; what is no proof changes nothing. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, type Cell, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { checkProof, type CheckName, type ReceiptCheckName } from '../../disputes/checkTree';
import { linearEvidence } from '../../disputes/checks/linear';
import { committedToken } from '../../disputes/receiptChecks/answerTokens';
import { countsEvidence, promptEvidence, tokenEvidence } from '../../disputes/receiptChecks/finishReason';
import { FinishReason, type Receipt } from '../../protocol';
import { CASE_TURNS, OP_PROVE_RECEIPT, SLASHING_CASE_ERRORS as E, TURN_SECONDS } from '../../wrappers';
import { brokenModel, exitOf, Game, gasOf, JOB, MOVE } from './game';
import { dataOf, GAS_PRICE, keepEnded, turnOf, TURNS } from './turns';

/** Says that it stopped, at no stop token: the stop set is empty. */
const STOPPED: Partial<Receipt> = { finishReason: FinishReason.stop };
const open = (receipt: Partial<Receipt> = STOPPED) => Game.open('grouped', brokenModel('grouped', 0, 'gate'), JOB, receipt);

async function lie(game: Game): Promise<Cell> {
  const { tokens } = await game.liar.result();
  const { payload } = game.played.answer;
  const committed = { answer: { finishReason: FinishReason.length, tokens }, commitSalt: payload.commitSalt };
  return tokenEvidence(committedToken(committed, tokens.length - 1), tokens.length - 1, payload.request);
}

interface Change {
  check?: CheckName | ReceiptCheckName;
  evidence?: Cell;
  value?: bigint;
  from?: Game['worker'];
  index?: number;
}

async function prove(game: Game, { check = 'FinishReasonCheck', evidence, value = MOVE, from = game.challenger, index }: Change = {}): Promise<SendMessageResult> {
  const proof = await checkProof(check);
  const run = { ...proof, index: index ?? proof.index, evidence: evidence ?? (await lie(game)) };
  return (await game.contract.sendProveReceipt(from.getSender(), value, run)) as never;
}

describe('a receipt that lies', () => {
  for (const [turn, play] of TURNS) {
    it(`is convicted at the turn '${turn}', and not once the turn has passed`, async () => {
      const late = await open();
      await play(late);
      late.blockchain.now! += TURN_SECONDS;
      expect(exitOf(await prove(late))).toBe(E.tooLate);
      const game = await open();
      await play(game);
      expect(await turnOf(game)).toBe(CASE_TURNS[turn]);
      game.blockchain.now! += TURN_SECONDS - 1;
      const result = await prove(game);
      expect(game.verdict(result)).toBe(true);
      expect((await game.blockchain.getContract(game.contract.address)).balance).toBe(0n);
      console.log(`ProveReceipt at '${turn}': ${gasOf(result)} gas`);
    });
  }

  it('is convicted of too few tokens by its terms, and of another prompt by the header of the request', async () => {
    const short = await open({ outputTokens: 2 });
    expect(short.verdict(await prove(short, { evidence: countsEvidence(short.played.answer.terms) }))).toBe(true);
    const other = await open({ promptTokens: 6 });
    expect(other.verdict(await prove(other, { evidence: promptEvidence(other.played.answer.payload.request) }))).toBe(true);
  });

  it('acquits where the check says that it is right', async () => {
    const game = await open({});
    expect(game.verdict(await prove(game, { evidence: countsEvidence(game.played.answer.terms) }))).toBe(false);
    const token = await open({});
    expect(token.verdict(await prove(token))).toBe(false);
  });

  it('is proven by the challenger alone; what is no proof throws and leaves the turn as it was', async () => {
    const game = await open();
    await game.showTrace();
    const other = await open({ outputTokens: 2 });
    const before = (await dataOf(game)).hash();
    expect(exitOf(await prove(game, { from: game.worker }))).toBe(E.notChallenger);
    expect(exitOf(await prove(game, { from: await game.stake }))).toBe(E.notChallenger);
    expect(exitOf(await prove(game, { index: 31 }))).toBe(E.unknownCheck);
    for (const evidence of [beginCell().endCell(), countsEvidence({ ...game.played.answer.terms, maxTokens: 9 }), countsEvidence(other.played.answer.terms).refs[0]]) {
      expect(exitOf(await prove(game, { evidence }))).toBe(E.proofInvalid);
    }
    const body = beginCell().storeUint(OP_PROVE_RECEIPT, 32).storeRef(await lie(game)).endCell();
    expect(exitOf((await game.challenger.send({ to: game.contract.address, value: MOVE, body })) as never)).toBe(9);
    expect((await dataOf(game)).hash()).toEqual(before);
    gasOf(await game.choose());
  });

  it('is not proven by a message that does not bring its gas, and by the next one that does', async () => {
    const game = await open();
    const gas = BigInt(gasOf(await prove(await open())));
    for (const bought of [1_000n, gas / 4n, gas / 2n, gas - 1n]) {
      expect(game.verdict(await prove(game, { value: GAS_PRICE * bought }))).toBeUndefined();
      expect(await turnOf(game)).toBe(CASE_TURNS.trace);
    }
    expect(game.verdict(await prove(game))).toBe(true);
  });

  it('is not proven before the case is open, and not again after its end', async () => {
    const kept = await open();
    await keepEnded(kept);
    expect(exitOf(await prove(kept))).toBe(E.notThisTurn);
    const game = await open();
    expect(game.verdict(await prove(game))).toBe(true);
    expect(game.verdict(await prove(game))).toBeUndefined();
    // Deployed with the state that the stake would deploy, by the challenger himself.
    const { contract, challenger } = game;
    await challenger.send({ to: contract.address, value: toNano(1), init: contract.init, bounce: false });
    expect(await turnOf(game)).toBe(0);
    expect(exitOf(await prove(game))).toBe(E.tooLate);
  });
});

describe('checks of steps and of receipts', () => {
  it('do not run on what they are not made for', async () => {
    const game = await open();
    for (const check of ['LinearCheck', 'InputCheck', 'DrawCheck', 'MaxCheck'] as const) expect(exitOf(await prove(game, { check }))).toBe(E.proofInvalid);
    await game.descend();
    await game.showLeaf();
    for (const evidence of [await lie(game), linearEvidence(game.config, game.prover, game.revealed, game.address, 0)]) {
      for (const check of ['FinishReasonCheck', 'DeliveredTokenCheck', 'MisSealedCheck'] as const) {
        const proof = { ...(await checkProof(check)), evidence };
        expect(exitOf((await game.contract.sendProveStep(game.challenger.getSender(), MOVE, proof)) as never)).toBe(E.proofInvalid);
      }
      expect(exitOf(await prove(game, { check: 'LinearCheck', evidence }))).toBe(E.proofInvalid);
    }
  });
});
