import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, encodeReceipt, preparePiece, receiptHash, termsHash, toHex } from '../../../protocol';
import { type Evidence, openEvidence, parseEvidence, partsOf, verifyEvidence } from '../../../gateway/audit';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { generationOf } from '../../../worker/jobs/request';
import { cocoon, codeOf } from '../../support/cocoon';
import { until } from '../support';
import { delivered, echoed, flipped, newAuditor, newFolder, NOW, otherToken, piecesOf, rejecting, requestFor, signed, STAKE_HEX, workerKey } from './answers';

const CHANNEL_HEX = '05'.repeat(32);
const reasonOf = (reason: string) => ({ code: `verification.evidence.${reason}` });
const verify = (evidence: Evidence) => verifyEvidence(evidence, { ed25519: nodeEd25519 });

describe('evidence', () => {
  const folder = newFolder();
  const kept = new Map<Evidence['kind'], Evidence>();
  before(async () => {
    const { auditor, accused, end } = newAuditor(folder);
    auditor.heard(delivered(1, { lie: otherToken(20) }));
    const request = requestFor(2);
    const begun = delivered(2, { pieces: 1 });
    const { receipt, sealed } = preparePiece(request, { index: 1, promptTokens: 3, tokens: [...begun.tokens, 5], fresh: 1, finishReason: 0, traceRoot: new Uint8Array(32).fill(1) }, NOW);
    auditor.heard(rejecting(begun, signed(receipt, sealed), 'wrong-finish-reason'));
    const [other] = piecesOf(requestFor(3), { tokens: Array<number>(40).fill(1), finishReason: 'length', traceRoot: new Uint8Array(32).fill(1) });
    auditor.heard(rejecting(delivered(3), other, 'after-the-end'));
    await auditor.idle();
    await until(() => accused.length === 3);
    await end();
    for (const name of readdirSync(join(folder, 'audits', 'evidence'))) {
      const evidence = parseEvidence(readFileSync(join(folder, 'audits', 'evidence', name), 'utf8'));
      assert.equal(name, `${STAKE_HEX}-${CHANNEL_HEX}-${evidence.seq}.json`);
      kept.set(evidence.kind, evidence);
    }
  });

  it('of each kind verifies from its file alone, and names worker, receipt and fault', async () => {
    for (const [kind, fault, accused] of [['wrong-answer', 'answer', -1], ['signed-fault', 'wrong-finish-reason', null], ['two-receipts', 'two receipts', null]] as const) {
      const evidence = kept.get(kind)!;
      const finding = await verifyEvidence(evidence);
      const opened = openEvidence(evidence);
      const receipt = accused === null ? opened.rejected!.receipt : opened.pieces.at(accused)!.receipt;
      assert.deepEqual([finding.fault, finding.stake, finding.workerKey, finding.receiptHash], [fault, STAKE_HEX, toHex(workerKey.publicKey), toHex(receiptHash(receipt))]);
    }
  });

  it('has all that a challenge needs: the terms, the request with its salts, and every receipt as the worker signed it', () => {
    const { request, pieces } = openEvidence(kept.get('wrong-answer')!);
    const asked = requestFor(1);
    assert.deepEqual(request, asked);
    assert.deepEqual(pieces.map(({ receipt }) => [receipt.index, receipt.final, toHex(receipt.termsHash)]), [0, 1].map((index) => [index, index === 1, toHex(termsHash(asked.terms))]));
    for (const { receipt, signature } of pieces) {
      assert.ok(nodeEd25519.verify(receiptHash(receipt), signature, workerKey.publicKey));
      assert.equal(encodeReceipt(receipt).refs.length, 1);
    }
  });

  it('that was changed in any place proves nothing', async () => {
    const texts = (evidence: Evidence): string[] => [
      'terms', 'payload', 'channel', 'stake', ...evidence.pieces.map((_, index) => `pieces/${index}`), ...(evidence.kind === 'wrong-answer' ? [] : ['rejected']),
    ];
    const places = [...kept.values()].flatMap((evidence) => texts(evidence).map((path) => ({ kind: evidence.kind, path })));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...places), fc.nat(), fc.integer({ min: 1, max: 15 }), async ({ kind, path }, at, change) => {
      const changed = JSON.parse(JSON.stringify(kept.get(kind)!)) as Record<string, never>;
      const [holder, name] = path.startsWith('pieces/') ? [changed.pieces as Record<string, string>, path.slice(7)] : [changed as Record<string, string>, path];
      const text = holder[name];
      const index = at % text.length;
      holder[name] = `${text.slice(0, index)}${(parseInt(text[index], 16) ^ change).toString(16)}${text.slice(index + 1)}`;
      await assert.rejects(verify(parseEvidence(JSON.stringify(changed))), (error: { code: string }) => error.code.startsWith('verification.evidence.'));
    }), { numRuns: 150, seed: 20261128, examples: [[{ kind: 'wrong-answer', path: 'terms' }, 8, 4]] });
  });

  it('is refused by what is wrong with it', async () => {
    const wrong = kept.get('wrong-answer')! as Extract<Evidence, { kind: 'wrong-answer' }>;
    const fault = kept.get('signed-fault')! as Extract<Evidence, { kind: 'signed-fault' }>;
    const two = kept.get('two-receipts')! as Extract<Evidence, { kind: 'two-receipts' }>;
    const last = delivered(2).pieces[1];
    const forged = toHex(encodeFrame({ ...last, signature: flipped(last.signature) }));
    const table: [Evidence, string][] = [
      [{ ...wrong, computed: wrong.computed.slice(0, 1) }, 'unconfirmed'],
      [{ ...wrong, computed: [wrong.computed[0], { ...wrong.computed[1], tokens: [1] }] }, 'unconfirmed'],
      [{ ...wrong, difference: { part: 'trace' } }, 'difference'],
      [{ ...wrong, pieces: [] }, 'fault'],
      [{ ...wrong, pieces: [...wrong.pieces].reverse() }, 'pieces'],
      [{ ...wrong, pieces: [wrong.pieces[0], wrong.pieces[0]] }, 'pieces'],
      [{ ...wrong, seq: 2 }, 'terms'],
      [{ ...fault, fault: 'wrong-due' }, 'fault'],
      [{ ...fault, fault: 'bad-date' }, 'fault'],
      [{ ...fault, rejected: fault.pieces[0] }, 'fault'],
      [{ ...fault, rejected: forged, fault: 'bad-signature' }, 'fault'],
      [{ ...two, rejected: two.pieces[0] }, 'fault'],
      [{ ...two, pieces: [] }, 'fault'],
    ];
    for (const [evidence, reason] of table) await assert.rejects(verify(evidence), reasonOf(reason), reason);
    for (const text of ['', '{}', JSON.stringify({ ...wrong, version: 2 }), JSON.stringify({ ...wrong, more: 1 }), JSON.stringify({ ...wrong, terms: 'zz' })]) {
      assert.throws(() => parseEvidence(text), reasonOf('format'));
    }
  });

  it('that a liar wrote about an honest worker does not survive a computation', async () => {
    const wrong = kept.get('wrong-answer')! as Extract<Evidence, { kind: 'wrong-answer' }>;
    const honest = delivered(1);
    const made = echoed(generationOf(honest.request.payload, honest.request.channel, 1));
    const invented = { ...wrong.computed[0], tokens: made.tokens.map((token, at) => (at === 20 ? token ^ 1 : token)) };
    const framing: Evidence = { ...wrong, pieces: honest.pieces.map((piece) => toHex(encodeFrame(piece))), computed: [invented, invented] };
    assert.equal((await verify(framing)).fault, 'answer');
    const recompute = async () => partsOf(made, honest.request.payload.commitSalt);
    await assert.rejects(verifyEvidence(framing, { ed25519: nodeEd25519, recompute }), reasonOf('recomputation'));
    assert.equal((await verifyEvidence(wrong, { ed25519: nodeEd25519, recompute })).fault, 'answer');
  });

  it('is listed and checked by `cocoon gateway audits`, which also tells the state of one answer', async () => {
    const run = (...args: string[]) => cocoon(['gateway', 'audits', ...args, '--data-folder', folder, '--json']);
    const damaged = join(folder, 'audits', 'evidence', `${'07'.repeat(32)}-${CHANNEL_HEX}-9.json`);
    writeFileSync(damaged, '{}', { mode: 0o600 });
    const { providers, evidence } = JSON.parse((await run()).stdout) as { providers: Record<string, unknown>[]; evidence: { reference: string; finding?: { fault: string }; refused?: string }[] };
    assert.deepEqual(providers.find(({ stake }) => stake === STAKE_HEX), {
      stake: STAKE_HEX, drawn: 1, clean: 0, different: 1, undecided: 0, failed: 0, dropped: 0, faults: 2, evidence: 3,
    });
    assert.deepEqual(evidence.map(({ reference, finding, refused }) => [reference.slice(65), finding?.fault ?? refused]), [
      ['1', 'answer'], ['2', 'wrong-finish-reason'], ['3', 'two receipts'], ['9', 'verification.evidence.format'],
    ]);
    const state = async (reference: string): Promise<unknown> => (JSON.parse((await run(reference)).stdout) as { audited: unknown }).audited;
    assert.deepEqual([await state(`${CHANNEL_HEX}-1`), await state(`${CHANNEL_HEX}-2`), await state(`${CHANNEL_HEX}-77`)], ['different', 'fault', 'not drawn']);
    const refused = await run('nonsense');
    assert.deepEqual([refused.status, codeOf(refused)], [2, 'usage.reference']);
    assert.match((await cocoon(['gateway', 'audits', '--data-folder', folder])).stdout, /NOT USED: 3 pieces of evidence/);
  });
});
