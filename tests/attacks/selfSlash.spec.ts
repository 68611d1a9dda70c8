/** A provider that is about to be convicted convicts itself of the same job, and names a friend as the client. */
import { describe, expect, it } from '@jest/globals';
import { toNano } from '@ton/core';
import { burntOf, inTon } from '../../bench/economics/rules';
import { caseSubject, modelRoots, requestOpening } from '../../disputes/opening';
import { encodeTerms } from '../../protocol';
import { SlashingCase, toCell, TURN_SECONDS } from '../../wrappers';
import { brokenModel, JOB, play } from '../disputes/game';
import { signed, StakeWorld, STAKE } from '../support/stakeWorld';

const VALUE = toNano('3');
const MOVE = toNano('0.5');

describe('a provider whom a stranger disputes', () => {
  it('finding 18: comes first with two receipts, loses the quarter of its stake that is burnt, and the stranger has his bond back', async () => {
    const world = await StakeWorld.create();
    const { answer, model, prover } = await play('grouped', brokenModel('grouped', 0, 'gate'), { stake: world.stake.address.hash, client: world.client.address.hash }, JOB);
    const roots = modelRoots(model, prover);
    const stranger = world.client;
    await world.stake.sendChallenge(stranger.getSender(), {
      value: VALUE, challenger: stranger.address, terms: toCell(encodeTerms(answer.terms)), receipt: signed(answer.receipt), request: requestOpening(answer.payload), model: roots,
    });
    const opened = await world.balance(stranger.address);

    const friend = world.owner;
    const terms = world.terms({ client: friend.address.hash });
    const sham = world.receipt(terms, { escrow: answer.receipt.escrow, seq: answer.receipt.seq, index: answer.receipt.index, dueNano: toNano('1000') });
    await world.stake.sendReportTwoReceipts(friend.getSender(), { value: MOVE, terms: toCell(encodeTerms(terms)), first: signed(sham), second: signed(answer.receipt) });
    expect(await world.stake.getStatus()).toMatchObject({ active: STAKE / 2n, faults: 1, openCases: 1 });
    const lost = inTon(await world.burnt());
    expect(lost).toBeCloseTo(burntOf(inTon(STAKE)), 1);

    world.chain.now! += TURN_SECONDS;
    const slashing = await SlashingCase.fromSubject(world.stake.address, stranger.address, caseSubject(answer, roots));
    await world.chain.openContract(slashing).sendEndTurn(friend.getSender(), MOVE);
    expect(await world.stake.getStatus()).toMatchObject({ active: STAKE / 2n, faults: 1, openCases: 0 });
    expect(inTon(await world.burnt())).toBe(lost);
    // The bond, and nothing that was taken from the stake.
    expect(inTon((await world.balance(stranger.address)) - opened)).toBeCloseTo(1, 1);
  });
});
