/** What a message's receipt proves about the bytes that the screen shows; one changed byte of anything turns it, with its reason. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { exportChannelAnswer, type PieceFrame, type ReceiptFile, toHex } from '../../../protocol';
import { type Claim, type HeldAnswer, MESSAGE_CLAIMS, type Offer, type PageTokenizer } from '../../../miniapp/src/types';
import { claim, laterClaims, messageClaims, policyOf, type Then, verdictOf } from '../../../miniapp/src/verify';
import { channelRequest, filled, NOW, STOP, stream, WORKER_KEY } from '../../protocol/channel/channelRequest';

const TOKENS = [...Array.from({ length: 40 }, (_, index) => index + 100), STOP];
const request = channelRequest();
const frames = stream(request, TOKENS).map(({ receipt, sealed, signature }): PieceFrame => {
  const { networkId: _, termsHash: __, escrow: ___, sealedHash: ____, ...shown } = receipt;
  return { kind: 'piece', ...shown, sealed, signature };
});

/** A character for each token; the end token has none. */
const tokenizer: PageTokenizer = {
  modelRoot: toHex(filled(5)), stopTokens: [STOP], encode: (prompt) => Array.from(prompt, (character) => character.codePointAt(0)! - 0x4e00),
  decode: (tokens) => tokens.filter((token) => token !== STOP).map((token) => String.fromCodePoint(0x4e00 + token)).join(''),
};
const offer: Offer = {
  stake: toHex(filled(2)), owner: '0a'.repeat(32), tier: 'bonded', workerKey: toHex(WORKER_KEY), sealingKey: '0b'.repeat(32), imageHash: '00'.repeat(32), modelRoot: toHex(filled(5)),
  promptPrice: 1_000_000n, outputPrice: 3_000_000n, maxTokens: 100, contextTokens: 1_000, payout: '0c'.repeat(32), claimKey: '0d'.repeat(32), closeDelay: 86_400, channelPath: '/v1/channel/x',
};
const heldOf = (pieces = frames, tokens = TOKENS): HeldAnswer => ({
  id: 'one', at: NOW, offer, modelName: 'm', prompt: tokenizer.decode([0, 1, 2, 3, 4]), answer: tokenizer.decode(tokens), state: pieces.length === frames.length ? 'whole' : 'incomplete',
  file: exportChannelAnswer(request, pieces, tokens), promptTokens: 5, outputTokens: tokens.length, cost: 5n + 3n * BigInt(tokens.length), most: 400n,
});
const then: Then = { ...offer, verdict: { level: 'bonded', canSend: true, missing: [] } };
const policy = policyOf({ network: 'mainnet', quoteRoot: 'intel' }, 'message');

async function look(held: HeldAnswer, shown: Partial<{ prompt: string; answer: string }> = {}, context: Parameters<typeof messageClaims>[3] = { then }, of: PageTokenizer | null = tokenizer) {
  const claims = await messageClaims(held, { prompt: held.prompt, answer: held.answer, ...shown }, of, context);
  assert.deepEqual([...new Set(claims.map(({ id }) => id))].sort(), [...MESSAGE_CLAIMS].sort());
  const verdict = verdictOf(claims, held.offer.tier, policy);
  const said = (status: Claim['status']): string[] => claims.filter((one) => one.status === status).map(({ id, reason }) => `${id} ${reason.key.slice(7)}`);
  return { ...verdict, refuted: said('refuted'), unknown: said('unknown') };
}

describe('a message', () => {
  test('with its receipt stands for the bytes shown, and says that nobody computed it again', async () => {
    assert.deepEqual(await look(heldOf()), { level: 'bonded', canSend: true, missing: [], refuted: [], unknown: ['recomputed recomputeBonded'] });
  });

  test('is refuted when the screen shows another prompt or answer, by a character or a blank', async () => {
    const held = heldOf();
    for (const answer of [`${held.answer} `, held.answer.slice(1), held.answer.slice(0, -1), held.answer.replace('\u4e64', '\u4e65'), '']) {
      assert.deepEqual((await look(held, { answer })).refuted, ['answer-bound answerOther']);
      assert.deepEqual((await look({ ...held, answer })).refuted, ['answer-bound answerOther']);
      assert.deepEqual((await look({ ...held, answer }, { answer: held.answer })).refuted, [], 'the screen counts, whatever the page holds');
    }
    for (const prompt of [`${held.prompt}\u4e00`, held.prompt.slice(1), '']) assert.deepEqual((await look(held, { prompt })).refuted, ['request-bound promptOther']);
    const refuses = { ...tokenizer, encode: () => { throw new Error('special'); } };
    assert.deepEqual((await look(held, {}, { then }, refuses)).refuted, ['request-bound promptOther']);
  });

  test('that was cut is incomplete and not verified, and its part still has to be the one that was signed', async () => {
    const cut = heldOf(frames.slice(0, 1), TOKENS.slice(0, 32));
    const { level, missing, refuted, unknown } = await look(cut);
    assert.deepEqual([level, missing, refuted, unknown], ['unknown', ['stream-whole'], [], ['stream-whole incomplete', 'recomputed recomputeBonded']]);
    assert.ok((await look({ ...cut, state: 'streaming' })).unknown.includes('stream-whole streaming'));
    assert.deepEqual((await look(cut, { answer: cut.answer.slice(1) })).refuted, ['answer-bound answerOther']);
    // A character that is spread over this token and the next one was not shown yet.
    const half = { ...tokenizer, decode: (tokens: readonly number[]) => (tokens[tokens.length - 1] === 131 ? `${tokenizer.decode(tokens.slice(0, -1))}\uFFFD` : tokenizer.decode(tokens)) };
    assert.deepEqual((await look(cut, { answer: cut.answer.slice(0, -1) }, { then }, half)).refuted, []);
    const nothing = await look({ ...cut, file: null, state: 'failed' });
    assert.deepEqual([nothing.level, nothing.unknown.length], ['unknown', MESSAGE_CLAIMS.length]);
  });

  test('is refuted under another stake, key or model, other prices, or another amount than is shown', async () => {
    const changed = (changes: Partial<Offer>) => look({ ...heldOf(), offer: { ...offer, ...changes } });
    for (const name of ['stake', 'workerKey', 'modelRoot'] as const) assert.deepEqual((await changed({ [name]: 'ee'.repeat(32) })).refuted, ['request-bound requestOther'], name);
    for (const name of ['promptPrice', 'outputPrice'] as const) assert.deepEqual((await changed({ [name]: 1n })).refuted, ['amount-due pricesOther'], name);
    assert.deepEqual((await look({ ...heldOf(), cost: 1n })).refuted, ['amount-due amountOther']);
  });

  test('is by the key that was checked when it was sent, or says that none was', async () => {
    const by = async (changes: Partial<Then>) => look(heldOf(), {}, { then: { ...then, ...changes } });
    for (const changes of [{ workerKey: 'ee'.repeat(32) }, { tier: 'attested' as const }, { imageHash: 'ee'.repeat(32) }]) assert.deepEqual((await by(changes)).refuted, ['key-then keyOther']);
    const unsent = await by({ verdict: { level: 'unknown', canSend: false, missing: [] } });
    assert.deepEqual([unsent.level, unsent.missing], ['unknown', ['key-then', 'provider-unslashed']]);
    assert.deepEqual((await look(heldOf(), {}, { then: null })).missing, ['key-then', 'provider-unslashed']);
  });

  test('turns later when its provider is slashed or the APIs contradict each other, whatever was known then', async () => {
    const later = (slashed: bigint) => laterClaims(offer, { slashed: 0n, faults: 0, keyEnd: 9 }, {
      stake: { agreement: 'both', value: { slashed, faults: 0, keys: [], asOf: 10 } as never }, registry: { agreement: 'none', says: [] },
    });
    assert.equal((await look(heldOf(), {}, { then, later: later(0n) })).level, 'bonded');
    assert.deepEqual((await look(heldOf(), {}, { then, later: later(5n) })).refuted, ['provider-unslashed slashedSince']);
    const lost = [claim('provider-unslashed', 'unknown', 'chain-agreed', { key: 'verify.apisContradict' })];
    assert.equal((await look(heldOf(), {}, { then, later: lost })).level, 'unknown');
  });

  test('is not verified while the model\'s tokens are not loaded, or those of another model are', async () => {
    for (const of of [null, { ...tokenizer, modelRoot: 'ee'.repeat(32) }]) {
      const { level, missing } = await look(heldOf(), {}, { then }, of);
      assert.deepEqual([level, missing], ['unknown', ['request-bound', 'answer-bound']]);
    }
  });

  test('is refuted, with one reason or more, by any one changed byte of its receipt file, its text, its model or its terms', async () => {
    const held = heldOf();
    const file = held.file as Extract<ReceiptFile, { kind: 'channel-answer' }>;
    const flipped = (hex: string, at: number, bit: number): string => {
      const place = at % hex.length;
      return `${hex.slice(0, place)}${(parseInt(hex[place], 16) ^ bit).toString(16)}${hex.slice(place + 1)}`;
    };
    const letter = (text: string, at: number, bit: number): string => Array.from(text, (one, index) => (index === at % text.length ? String.fromCharCode(one.charCodeAt(0) ^ bit) : one)).join('');
    const inFile = (changes: Partial<typeof file>): HeldAnswer => ({ ...held, file: { ...file, ...changes } as ReceiptFile });
    const hexFields = ['client', 'stake', 'workerKey', 'account', 'payload'] as const;
    type Change = (at: number, bit: number) => Promise<{ refuted: string[]; level: string }>;
    const changes: [string, Change][] = [
      ...hexFields.map((name): [string, Change] => [name, (at, bit) => look(inFile({ [name]: flipped(file[name], at, bit) }))]),
      ...file.pieces.map((_, index): [string, Change] => [`piece ${index}`, (at, bit) => look(inFile({ pieces: file.pieces.map((piece, place) => (place === index ? flipped(piece, at, bit) : piece)) }))]),
      ['tokens', (at, bit) => look(inFile({ tokens: file.tokens.map((token, place) => (place === at % file.tokens.length ? token ^ bit : token)) }))],
      ['seq', (_, bit) => look(inFile({ seq: file.seq ^ bit }))], ['networkId', (_, bit) => look(inFile({ networkId: file.networkId ^ bit }))], ['price', (_, bit) => look(inFile({ price: String(bit) }))],
      ['prompt shown', (at, bit) => look(held, { prompt: letter(held.prompt, at, bit) })], ['answer shown', (at, bit) => look(held, { answer: letter(held.answer, at, bit) })],
      ['model', (at, bit) => look({ ...held, offer: { ...offer, modelRoot: flipped(offer.modelRoot, at, bit) } })],
    ];
    const met = new Set<string>();
    await fc.assert(fc.asyncProperty(fc.constantFrom(...changes), fc.nat(), fc.integer({ min: 1, max: 15 }), async ([name, change], at, bit) => {
      const { refuted, level } = await change(at, bit);
      assert.notDeepEqual(refuted, [], `${name} at ${at}`);
      assert.equal(level, 'refuted');
      met.add(name);
    }), { numRuns: Number(process.env.COCOON_PROPERTY_RUNS ?? 150), seed: 20261128 });
    assert.equal(met.size, changes.length);
  });
});
