import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { EXIT_CODES } from '../../cli/exitCodes';
import { exportChannelAnswer, exportJobAnswer, type PieceFrame, prepareAnswer, ProtocolError, type ReceiptFile, receiptHash, verifyReceiptFile } from '../../protocol';
import { cocoon, codeOf } from '../support/cocoon';
import { channelRequest, filled, nodeEd25519, NOW, signed, STOP, stream, WORKER_KEY } from './channel/channelRequest';

const TOKENS = [...Array.from({ length: 40 }, (_, index) => index + 100), STOP];
const request = channelRequest();
const frames = stream(request, TOKENS).map(({ receipt, sealed, signature }): PieceFrame => {
  const { networkId: _, termsHash: __, escrow: ___, sealedHash: ____, ...shown } = receipt;
  return { kind: 'piece', ...shown, sealed, signature };
});
const channelFile = exportChannelAnswer(request, frames, TOKENS) as Extract<ReceiptFile, { kind: 'channel-answer' }>;
const escrow = filled(9);
const made = prepareAnswer(request.terms, request.payload, escrow, { finishReason: 0, tokens: TOKENS, traceRoot: filled(8) }, NOW);
const delivered = signed({ receipt: made.receipt, sealed: made.output });
const jobFile = exportJobAnswer({ terms: request.terms, payload: request.payload, escrow }, { ...delivered, output: made.output }, TOKENS) as Extract<ReceiptFile, { kind: 'job-answer' }>;
const files: ReceiptFile[] = [channelFile, jobFile];
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const codeOfThrown = (file: unknown): string => {
  try {
    verifyReceiptFile(file, nodeEd25519);
  } catch (error) {
    assert.ok(error instanceof ProtocolError);
    return error.code;
  }
  return 'holds';
};

describe('a receipt file', () => {
  test('of a channel and of a job holds after it was written and read, and says whose key stands behind which tokens', () => {
    for (const file of files) {
      const { kind, terms, receipt, receiptHash: hash, promptTokens, tokens } = verifyReceiptFile(copy(file));
      assert.equal(kind, file.kind);
      assert.deepEqual([tokens, promptTokens, terms.workerKey], [TOKENS, [0, 1, 2, 3, 4], WORKER_KEY]);
      assert.deepEqual([receipt.final, receipt.outputTokens, hash], [true, TOKENS.length, receiptHash(receipt)]);
    }
  });

  test('of an answer that ended early holds for the tokens that came, and is not final', () => {
    const { tokens, receipt } = verifyReceiptFile(exportChannelAnswer(request, frames.slice(0, 1), TOKENS.slice(0, 32)));
    assert.deepEqual([tokens.length, receipt.final], [32, false]);
  });

  test('with other tokens than were signed is refused, however much else is right', () => {
    for (const file of files) {
      for (const tokens of [TOKENS.slice(1), [...TOKENS, 5], TOKENS.map((token, at) => (at === 17 ? token + 1 : token)), []]) {
        assert.equal(codeOfThrown({ ...file, tokens }), 'RECEIPT_OTHER_TOKENS');
      }
    }
  });

  test('names what is wrong with it', () => {
    const [first, second] = channelFile.pieces;
    assert.equal(codeOfThrown({ ...channelFile, pieces: [second] }), 'RECEIPT_OUT_OF_ORDER');
    assert.equal(codeOfThrown({ ...channelFile, pieces: [first, second, `${second.slice(0, -2)}00`] }), 'RECEIPT_AFTER_THE_END');
    assert.equal(codeOfThrown({ ...channelFile, seq: 4 }), 'RECEIPT_OTHER_REQUEST');
    assert.equal(codeOfThrown({ ...channelFile, workerKey: '11'.repeat(32) }), 'RECEIPT_BAD_SIGNATURE');
    assert.equal(codeOfThrown({ ...jobFile, delivery: { ...jobFile.delivery, output: `${jobFile.delivery.output.slice(0, -2)}00` } }), 'RECEIPT_BAD_SIGNATURE');
    assert.equal(codeOfThrown({ ...jobFile, price: '1' }), 'RECEIPT_BAD_SIGNATURE');
    const nothing = [null, 5, 'text', [], {}, { ...channelFile, version: 2 }, { ...channelFile, kind: 'job-answer' }, { ...channelFile, more: 1 }, { ...channelFile, pieces: [] }, { ...jobFile, price: '-1' }];
    for (const none of nothing) assert.equal(codeOfThrown(none), 'RECEIPT_FORMAT');
  });

  test('that was changed in any digit is refused', () => {
    const places = files.flatMap((file) => Object.entries(file).flatMap(([name, value]) =>
      typeof value === 'string' && /^[0-9a-f]{8,}$/.test(value) ? [[file, [name]]] : name === 'pieces' ? (value as string[]).map((_, at) => [file, [name, at]])
        : name === 'delivery' ? ['output', 'signature', 'responseCommit', 'traceCommit'].map((field) => [file, [name, field]]) : [])) as [ReceiptFile, (string | number)[]][];
    assert.equal(places.length, 5 + 2 + 5 + 4);
    fc.assert(fc.property(fc.constantFrom(...places), fc.nat(), fc.integer({ min: 1, max: 15 }), ([file, path], at, change) => {
      const changed = copy(file) as unknown as Record<string, unknown>;
      const holder = path.slice(0, -1).reduce((value, name) => value[name] as Record<string, unknown>, changed);
      const last = path[path.length - 1];
      const text = holder[last] as string;
      const index = at % text.length;
      holder[last] = `${text.slice(0, index)}${(parseInt(text[index], 16) ^ change).toString(16)}${text.slice(index + 1)}`;
      assert.match(codeOfThrown(changed), /^RECEIPT_/);
    }), { numRuns: 200, seed: 20261128 });
  });

  describe('cocoon receipt verify', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-receipt-'));
    after(() => rmSync(folder, { recursive: true, force: true }));
    const verify = (name: string, ...args: string[]) => cocoon(['receipt', 'verify', join(folder, name), '--data-folder', folder, ...args]);
    const write = (name: string, content: unknown): void => writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

    test('says what holds and what it cannot know, in words and as JSON, and asks nobody', async () => {
      for (const file of files) {
        write('file.json', file);
        const { status, stdout } = await verify('file.json', '--json', '--api', 'http://127.0.0.1:9');
        const report = JSON.parse(stdout) as Record<string, unknown>;
        assert.deepEqual([status, report.kind, report.tokens, report.final, report.finishReason], [0, file.kind, TOKENS, true, 'stop']);
        assert.equal((report.unproven as string[]).length, 3);
      }
      assert.match((await verify('file.json')).stdout, /^the receipt holds\n(.*\n)*unproven +whose key it is/);
    });

    test('ends with 6 where the receipt does not hold or the file is none, and with 8 where there is no file', async () => {
      write('file.json', { ...channelFile, tokens: [1] });
      const other = await verify('file.json', '--json');
      assert.deepEqual([other.status, codeOf(other), other.stdout], [EXIT_CODES.verification, 'RECEIPT_OTHER_TOKENS', '']);
      write('file.json', '{"version"');
      const broken = await verify('file.json', '--json');
      assert.deepEqual([broken.status, codeOf(broken)], [EXIT_CODES.verification, 'RECEIPT_FORMAT']);
      assert.equal((await verify('nowhere.json', '--json')).status, EXIT_CODES.storage);
    });
  });
});
