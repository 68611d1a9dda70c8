import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Address } from '@ton/core';
import { JobEscrow, type JobEscrowTerms } from '../../wrappers';
import {
  buildTerms,
  CARD_SEMANTICS,
  DeclineReason,
  encodePayload,
  GREEDY_SAMPLING,
  publicRequest,
  sealingPublicKey,
  sealRequest,
  SEMANTICS,
  TermsFlag,
  termsHash,
  Tier,
  Visibility,
  type AskedTerms,
  type RequestPayload,
} from '../../protocol';
import { openModel, type LoadedModel, type ServedModel } from '../../worker/engine';
import { openJobRequest, outputCellsFor } from '../../worker/jobs/request';
import type { WorkerKeys } from '../../worker/keys/workerKeys';
import { TINY_MODEL } from '../support/marketplace';

const NOW = 1_800_000_000;
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const sealingSecret = fill(0x42);
const keys: WorkerKeys = {
  signingSecret: fill(1),
  signingPublic: fill(2),
  sealingSecret,
  sealingPublic: sealingPublicKey(sealingSecret),
};
let model: LoadedModel;
before(() => {
  model = openModel(TINY_MODEL);
});

interface Changes {
  asked?: Partial<AskedTerms>;
  request?: Partial<RequestPayload['request']>;
  payload?: Partial<RequestPayload>;
  /** What the client put into the escrow, after the terms were hashed. */
  escrow?: Partial<JobEscrowTerms>;
  stake?: Uint8Array;
  isPublic?: boolean;
}

function payloadOf({ asked, request, payload, isPublic }: Changes): RequestPayload {
  return {
    asked: {
      tier: Tier.bonded,
      visibility: isPublic ? Visibility.public : Visibility.sealed,
      flags: 0,
      semantics: SEMANTICS,
      salt: fill(3, 16),
      modelRoot: model.model.modelRoot,
      maxTokens: 8,
      expiresAt: NOW + 600,
      promptPrice: 0n,
      outputPrice: 0n,
      coverage: 0n,
      imageHash: fill(0),
      ...asked,
    },
    request: {
      promptTokens: [1, 2, 3],
      sampling: GREEDY_SAMPLING,
      stopTokens: [10],
      nonce: 7n,
      toolsHash: fill(0),
      ...request,
    },
    responseKey: isPublic ? fill(0) : fill(4),
    commitSalt: isPublic ? fill(0) : fill(5),
    ...payload,
  };
}

/** A job as an honest client makes it, with changes, and what the worker makes of it. */
async function open(
  changes: Changes,
  attack: (envelope: Uint8Array) => Uint8Array | Promise<Uint8Array> = (e) => e,
  options: { maxTokens?: number; isChecked?: boolean; tier?: 0 | 1; served?: ServedModel } = {},
) {
  const payload = payloadOf(changes);
  const client = new Address(0, Buffer.alloc(32, 9));
  const stake = fill(0);
  const hash = termsHash(
    buildTerms(payload, {
      networkId: 2026,
      client: client.hash,
      stake: changes.stake ?? stake,
      workerKey: keys.signingPublic,
      price: 5n,
    }),
  );
  const terms: JobEscrowTerms = {
    networkId: 2026,
    deadline: NOW + 600,
    price: 5n,
    outputCells: 2,
    answerInCallback: false,
    client,
    payout: client,
    workerKey: keys.signingPublic,
    termsHash: hash,
    ...changes.escrow,
  };
  const escrow = new Uint8Array((await JobEscrow.fromTerms(terms)).address.hash);
  const plain = encodePayload(payload);
  const envelope = changes.isPublic
    ? publicRequest(plain)
    : await sealRequest(plain, keys.sealingPublic, { networkId: 2026, escrow, seq: 0, termsHash: terms.termsHash });
  return openJobRequest({
    envelope: await attack(envelope),
    escrow,
    terms,
    isChecked: options.isChecked ?? false,
    tier: options.tier ?? 0,
    stake,
    keys,
    model: options.served ?? model,
    maxTokens: options.maxTokens ?? 64,
  });
}
async function reasonOf(...args: Parameters<typeof open>): Promise<number | 'opened'> {
  const result = await open(...args);
  return result.kind === 'opened' ? 'opened' : result.reason;
}

describe('opening a request', () => {
  test('an honest request opens, sealed or public, with its tokens, limits and a seed of its own', async () => {
    const result = await open({});
    assert.ok(result.kind === 'opened');
    assert.deepEqual(result.request.generation.promptTokens, [1, 2, 3]);
    assert.equal(result.request.generation.maxTokens, 8);
    assert.equal(await reasonOf({ isPublic: true }), 'opened');
    const other = await open({ asked: { salt: fill(8, 16) } });
    assert.ok(other.kind === 'opened');
    assert.notDeepEqual(other.request.generation.sampling.seed, result.request.generation.sampling.seed);
  });

  test('attack 2: another request under the terms of an address is declined', async () => {
    const other = encodePayload(payloadOf({ request: { promptTokens: [9, 9] }, isPublic: true }));
    assert.equal(await reasonOf({ isPublic: true }, () => publicRequest(other)), DeclineReason.termsMismatch);
  });

  test('attack 3: a sealed request copied into another job opens nowhere', async () => {
    let copied: Uint8Array = new Uint8Array(0);
    await open({}, (envelope) => (copied = envelope));
    assert.equal(await reasonOf({ escrow: { price: 6n } }, () => copied), DeclineReason.unreadableRequest);
    assert.equal(
      await reasonOf({ asked: { visibility: Visibility.public } }, () => copied),
      DeclineReason.unreadableRequest,
    );
  });

  test('attacks 7 and 14: terms with another commitment, client, stake, price or expiry than the escrow are declined', async () => {
    assert.equal(await reasonOf({ escrow: { termsHash: fill(1) } }), DeclineReason.termsMismatch);
    assert.equal(
      await reasonOf({ escrow: { client: new Address(0, Buffer.alloc(32, 8)) } }),
      DeclineReason.termsMismatch,
    );
    assert.equal(await reasonOf({ escrow: { price: 4n } }), DeclineReason.termsMismatch);
    assert.equal(await reasonOf({ stake: fill(7) }), DeclineReason.termsMismatch);
    assert.equal(await reasonOf({ asked: { expiresAt: NOW + 601 } }), DeclineReason.termsMismatch);
  });

  test('what this version cannot serve is declined by reason: tier, flags, semantics, prices, images, tools, sampling', async () => {
    const table: Changes[] = [
      { asked: { tier: Tier.attested } },
      { asked: { tier: Tier.zk } },
      { asked: { flags: TermsFlag.checkKey } },
      { asked: { flags: TermsFlag.chainEntropy } },
      { asked: { semantics: SEMANTICS + 1 } },
      { asked: { promptPrice: 1n } },
      { asked: { outputPrice: 1n } },
      { asked: { coverage: 1n } },
      { asked: { imageHash: fill(1) } },
      { asked: { visibility: Visibility.public } },
      { request: { toolsHash: fill(1) } },
      { request: { sampling: { t: 2 ** 21, topK: 0, topP16: 0, minPX: 0 } } },
      { payload: { responseKey: fill(0) } },
      { payload: { commitSalt: fill(0) } },
    ];
    for (const changes of table)
      assert.equal(
        await reasonOf(changes),
        DeclineReason.unsupportedTerms,
        JSON.stringify(changes, (_k, v) => (typeof v === 'bigint' ? String(v) : v)),
      );
    assert.equal(await reasonOf({ isPublic: true, payload: { responseKey: fill(1) } }), DeclineReason.unsupportedTerms);
    assert.equal(await reasonOf({ asked: { flags: TermsFlag.reproducibleSeed } }), 'opened');
  });

  test('a job for a model that a server computes is answered by an attested key alone, and never where a stake would be asked', async () => {
    const served: ServedModel = {
      ...model, model: { ...model.model, config: { ...model.model.config, semantics: CARD_SEMANTICS } },
      cannotDo: ({ stopTokens }) => (stopTokens.includes(11) ? 'this stop set' : null),
    };
    const asked = { tier: Tier.attested, semantics: CARD_SEMANTICS };
    const reason = (changes: Changes, options: object = {}) => reasonOf(changes, undefined, { tier: 1, served, ...options });
    assert.equal(await reason({ asked }), 'opened');
    assert.equal(await reason({ asked: { ...asked, flags: TermsFlag.checkKey } }, { isChecked: true }), DeclineReason.unsupportedTerms);
    assert.equal(await reason({ asked: { ...asked, tier: Tier.bonded } }, { tier: 0 }), DeclineReason.unsupportedTerms);
    assert.equal(await reason({ asked: { ...asked, semantics: SEMANTICS } }), DeclineReason.unsupportedTerms, 'it never passes for exact');
    assert.equal(await reason({ asked }, { served: model }), DeclineReason.unsupportedTerms, 'nor the other way round');
    assert.equal(await reason({ asked, request: { stopTokens: [11] } }), DeclineReason.unsupportedTerms);
  });

  test('findings 9 and 55: a worker answers jobs of its own key\'s tier alone, and an attested one whatever image they pin', async () => {
    const asked = { tier: Tier.attested };
    const open = (changes: Changes, tier: 0 | 1) => reasonOf(changes, undefined, { tier });
    assert.equal(await open({ asked }, 1), 'opened');
    assert.equal(await open({ asked: { ...asked, imageHash: fill(9) } }, 1), 'opened');
    assert.equal(await open({ asked }, 0), DeclineReason.unsupportedTerms);
    assert.equal(await open({}, 1), DeclineReason.unsupportedTerms);
  });

  test('a checked job says so in its terms and may have coverage; any other job does not', async () => {
    const checked = { asked: { flags: TermsFlag.checkKey } };
    const covered = { asked: { flags: TermsFlag.checkKey, coverage: 5n } };
    const both = { asked: { flags: TermsFlag.checkKey | TermsFlag.reproducibleSeed } };
    const asChecked = { isChecked: true };
    for (const changes of [checked, covered, both]) {
      assert.equal(await reasonOf(changes, undefined, asChecked), 'opened');
      assert.equal(await reasonOf(changes), DeclineReason.unsupportedTerms);
    }
    assert.equal(await reasonOf({}, undefined, asChecked), DeclineReason.unsupportedTerms);
    assert.equal(await reasonOf({ asked: { coverage: 5n } }), DeclineReason.unsupportedTerms);
  });

  test('unknown model, too many tokens, foreign tokens and an answer that cannot fit are declined', async () => {
    assert.equal(await reasonOf({ asked: { modelRoot: fill(6) } }), DeclineReason.unknownModel);
    assert.equal(await reasonOf({}, undefined, { maxTokens: 7 }), DeclineReason.tooLong);
    assert.equal(await reasonOf({}, undefined, { maxTokens: 8 }), 'opened');
    assert.equal(await reasonOf({ request: { promptTokens: [] } }), DeclineReason.tooLong);
    assert.equal(await reasonOf({ request: { promptTokens: [model.model.config.vocab] } }), DeclineReason.tooLong);
    assert.equal(
      await reasonOf({ request: { promptTokens: Array<number>(model.model.config.context).fill(1) } }),
      DeclineReason.tooLong,
    );
    assert.equal(await reasonOf({ escrow: { outputCells: 1 } }), DeclineReason.outputTooLarge);
  });

  test('damaged envelopes are declined, never thrown', async () => {
    const damage: ((envelope: Uint8Array) => Uint8Array)[] = [
      () => new Uint8Array(0),
      () => fill(3, 100),
      (envelope) => envelope.subarray(0, 60),
      (envelope) => envelope.map((byte, index) => (index === 40 ? byte ^ 1 : byte)),
      () => publicRequest(fill(1, 20)),
    ];
    for (const attack of damage) assert.equal(await reasonOf({}, attack), DeclineReason.unreadableRequest);
  });

  test('the room for an answer follows from its limit: 44 tokens fit 256 sealed bytes', () => {
    assert.equal(outputCellsFor(44, true), outputCellsFor(1, true));
    assert.equal(outputCellsFor(44, true), 2);
    assert.equal(outputCellsFor(45, true), 4);
    assert.equal(outputCellsFor(1, false), 1);
  });
});
