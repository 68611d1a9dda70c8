/** From a receipt that lies to the slash: a case that its challenger wins with one message. */
import { type Cell, toNano } from '@ton/core';
import type { SandboxContract, SendMessageResult } from '@ton/sandbox';
import { checkProof, type ReceiptCheckName } from '../../disputes/checkTree';
import { caseSubject, modelRoots, requestOpening } from '../../disputes/opening';
import { countsEvidence, promptEvidence } from '../../disputes/receiptChecks/finishReason';
import { sealedWordEvidence } from '../../disputes/receiptChecks/misSealed';
import { OUTPUT_INLINE_BYTES } from '../../protocol/byteChain';
import { encodeByteChain, encodeTerms, type Receipt } from '../../protocol';
import { loadModel } from '../../exact';
import { SlashingCase, toCell } from '../../wrappers';
import { JOB, type Played, play } from '../disputes/game';
import { modelPath } from '../exact/support';
import { patternBytes } from '../support/jobWorld';
import { exitCode, signed, StakeWorld } from '../support/stakeWorld';

const VALUE = toNano('3');
const garbage = toCell(encodeByteChain(patternBytes(256, 77), OUTPUT_INLINE_BYTES));

describe('a receipt that lies about a right answer', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));

  /** A right computation, whose receipt says something else; and the case about it. */
  async function challenged(receipt: Partial<Receipt>): Promise<{ played: Played; contract: SandboxContract<SlashingCase> }> {
    const played = await play('grouped', loadModel(modelPath('grouped')), { stake: world.stake.address.hash, client: world.client.address.hash }, JOB, {}, receipt);
    const { answer, model, prover } = played;
    const roots = modelRoots(model, prover);
    const opened = await world.stake.sendChallenge(world.client.getSender(), {
      value: VALUE, challenger: world.client.address, terms: toCell(encodeTerms(answer.terms)), receipt: signed(answer.receipt), request: requestOpening(answer.payload), model: roots,
    });
    expect(exitCode(opened as never, world.stake.address)).toBe(0);
    return { played, contract: world.chain.openContract(await SlashingCase.fromSubject(world.stake.address, world.client.address, caseSubject(answer, roots))) };
  }

  const lies: [string, Partial<Receipt>, ReceiptCheckName, (played: Played) => Cell][] = [
    ['finding 8: cut short', { outputTokens: 2 }, 'FinishReasonCheck', ({ answer }) => countsEvidence(answer.terms)],
    ['finding 8: of another prompt', { promptTokens: 6 }, 'FinishReasonCheck', ({ answer }) => promptEvidence(answer.payload.request)],
    ['finding 4: sealed as garbage', { sealedHash: garbage.hash() }, 'MisSealedCheck', ({ answer: { terms, payload } }) =>
      sealedWordEvidence({ terms, output: garbage, responseKey: payload.responseKey }, 0)],
  ];
  for (const [name, receipt, check, evidenceOf] of lies) {
    it(`${name}: costs half of the stake by one message of the challenger`, async () => {
      const { played, contract } = await challenged(receipt);
      const run = { ...(await checkProof(check)), evidence: evidenceOf(played) };
      const result = (await contract.sendProveReceipt(world.client.getSender(), toNano('0.5'), run)) as never as SendMessageResult;
      expect(exitCode(result, contract.address)).toBe(0);
      expect(await world.stake.getStatus()).toMatchObject({ active: toNano('50'), slashed: toNano('50'), faults: 1, openCases: 0 });
      expect(await world.isSolvent()).toBe(true);
    });
  }

  it('has no such case won about what is right in it: the bond is the owner\'s', async () => {
    const { played, contract } = await challenged({});
    const run = { ...(await checkProof('FinishReasonCheck')), evidence: countsEvidence(played.answer.terms) };
    await contract.sendProveReceipt(world.client.getSender(), toNano('0.5'), run);
    expect(await world.stake.getStatus()).toMatchObject({ active: toNano('100'), faults: 0, openCases: 0 });
  });
});
