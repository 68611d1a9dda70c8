import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CocoonError } from '../../../protocol/errors';
import {
  checkVerificationKey,
  contextWord,
  decodeProof,
  decodeVerificationKey,
  encodeProof,
  encodeVerificationKey,
  type KeySetup,
  negated,
  parseG1,
  parseG2,
  readKeyRecord,
  requireScalar,
  SCALAR_ORDER,
  type VerificationKey,
  verifyProof,
  writeKeyRecord,
} from '../../../protocol/zk';
import { exitCodeOf } from '../../../cli/exitCodes';
import { keyOf, proofOf, trapdoorOf } from '../../support/groth16Simulator';
import * as points from '../../support/zkBadPoints';

const TRAPDOOR = trapdoorOf('keys');
const KEY = keyOf(TRAPDOOR);
const INPUTS = [11n, 2n, 12345n];
const PROOF = proofOf(TRAPDOOR, INPUTS);
const SETUP: KeySetup = {
  kind: 'development',
  phase1Hash: '01'.repeat(32),
  r1csHash: '02'.repeat(32),
  zkeyHash: '03'.repeat(32),
  contributions: 1,
  beacon: null,
};
const refuses = (code: string, body: () => unknown): void => assert.throws(body, (error: CocoonError) => {
  assert.equal(error.code, code, error.message);
  assert.notEqual(exitCodeOf(error), 70);
  return true;
});

describe('a point', () => {
  it('is taken in its one form alone', () => {
    assert.ok(parseG1('A', PROOF.a));
    assert.ok(parseG2('B', PROOF.b));
    const bad1 = [
      points.infinity(48), points.ORDER_3, points.withTorsion1(PROOF.a), points.offCurve(PROOF.a), points.unreduced(0n), new Uint8Array(48),
      points.withFlags(PROOF.a, 0x80), points.withFlags(PROOF.a, 0, 0x40), points.withFlags(points.infinity(48), 0, 0x20), PROOF.b,
      PROOF.a.subarray(1), new Uint8Array(0),
    ];
    for (const bytes of bad1) refuses('BAD_POINT', () => parseG1('A', bytes));
    const bad2 = [points.infinity(96), points.withTorsion2(PROOF.b), points.offCurve(PROOF.b), points.withFlags(PROOF.b, 0x80), PROOF.a];
    for (const bytes of bad2) refuses('BAD_POINT', () => parseG2('B', bytes));
  });

  it('negated is its inverse', () => {
    assert.ok(parseG1('A', negated(PROOF.a)).add(parseG1('A', PROOF.a)).is0());
    assert.ok(parseG2('B', negated(PROOF.b)).add(parseG2('B', PROOF.b)).is0());
  });
});

describe('a verification key', () => {
  it('comes back from bytes and from its record', () => {
    const plain = (key: VerificationKey) => Buffer.from(encodeVerificationKey(key)).toString('hex');
    assert.equal(plain(decodeVerificationKey(encodeVerificationKey(KEY))), plain(KEY));
    const { key, setup } = readKeyRecord(JSON.parse(JSON.stringify(writeKeyRecord(KEY, SETUP))));
    assert.equal(plain(key), plain(KEY));
    assert.deepEqual(setup, SETUP);
  });

  it('under which anybody forges is refused: beta, gamma, delta equal, or each other\'s inverse', () => {
    const same: Partial<VerificationKey>[] = [
      { delta: KEY.gamma }, { delta: negated(KEY.gamma) }, { gamma: KEY.beta }, { gamma: negated(KEY.beta) }, { beta: KEY.delta },
    ];
    for (const change of same) {
      const key = { ...KEY, ...change };
      refuses('BAD_KEY_FORGEABLE', () => checkVerificationKey(key));
      refuses('BAD_KEY_FORGEABLE', () => decodeVerificationKey(encodeVerificationKey(key)));
      refuses('BAD_KEY_FORGEABLE', () => writeKeyRecord(key, SETUP));
      refuses('BAD_KEY_FORGEABLE', () => verifyProof(key, PROOF, INPUTS));
    }
  });

  it('with a bad point, or of a circuit that the contract cannot take, is refused', () => {
    refuses('BAD_POINT', () => checkVerificationKey({ ...KEY, alpha: points.infinity(48) }));
    refuses('BAD_POINT', () => checkVerificationKey({ ...KEY, ic: [...KEY.ic.slice(0, 3), points.infinity(48)] }));
    refuses('BAD_POINT', () => checkVerificationKey({ ...KEY, gamma: points.withTorsion2(KEY.gamma) }));
    refuses('BAD_VERIFICATION_KEY', () => checkVerificationKey({ ...KEY, ic: KEY.ic.slice(1) }));
    refuses('BAD_VERIFICATION_KEY', () => checkVerificationKey({ ...KEY, ic: [...KEY.ic, ...KEY.ic] }));
    refuses('BAD_VERIFICATION_KEY', () => decodeVerificationKey(encodeVerificationKey(KEY).subarray(1)));
  });

  it('in a record that says something else is refused', () => {
    const record = writeKeyRecord(KEY, SETUP);
    const bad: unknown[] = [
      null, {}, [], { ...record, format: 'x' }, { ...record, curve: 'bn254' }, { ...record, key: {} }, { ...record, setup: null },
      { ...record, setup: { ...SETUP, kind: 'toy' } }, { ...record, setup: { ...SETUP, r1csHash: 'ff' } },
      { ...record, setup: { ...SETUP, contributions: 0.5 } }, { ...record, setup: { ...SETUP, beacon: 'x' } },
      { ...record, key: { ...record.key, alpha: record.key.alpha.toUpperCase() } },
    ];
    for (const json of bad) refuses('BAD_KEY_RECORD', () => readKeyRecord(json));
  });
});

describe('a proof', () => {
  it('verifies off chain, and nothing else does', () => {
    assert.equal(verifyProof(KEY, PROOF, INPUTS), true);
    assert.equal(verifyProof(KEY, decodeProof(encodeProof(PROOF)), INPUTS), true);
    assert.equal(verifyProof(KEY, PROOF, [11n, 3n, 12345n]), false);
    assert.equal(verifyProof(KEY, { ...PROOF, a: negated(PROOF.a) }, INPUTS), false);
    assert.equal(verifyProof(keyOf(trapdoorOf('another')), PROOF, INPUTS), false);
    assert.equal(verifyProof(KEY, proofOf(TRAPDOOR, [0n, 0n, 0n]), [0n, 0n, 0n]), true);
    refuses('BAD_PUBLIC_INPUTS', () => verifyProof(KEY, PROOF, INPUTS.slice(1)));
    refuses('SCALAR_OUT_OF_RANGE', () => verifyProof(KEY, PROOF, [11n + SCALAR_ORDER, 2n, 12345n]));
    refuses('BAD_POINT', () => verifyProof(KEY, { ...PROOF, c: points.withTorsion1(PROOF.c) }, INPUTS));
    refuses('BAD_PROOF_LENGTH', () => decodeProof(encodeProof(PROOF).subarray(1)));
  });

  it('is about numbers of the field', () => {
    assert.equal(requireScalar('x', SCALAR_ORDER - 1n), SCALAR_ORDER - 1n);
    for (const value of [-1n, SCALAR_ORDER, 2n ** 256n]) refuses('SCALAR_OUT_OF_RANGE', () => requireScalar('x', value));
  });
});

describe('the context word', () => {
  it('differs with every part of it and is below the order', () => {
    const context = { networkId: -239, verifier: new Uint8Array(32).fill(1), escrow: new Uint8Array(32).fill(2), payee: new Uint8Array(32).fill(3) };
    const other = new Uint8Array(32).fill(9);
    const words = [context, { ...context, networkId: -3 }, { ...context, verifier: other }, { ...context, escrow: other }, { ...context, payee: other }].map(contextWord);
    assert.equal(new Set(words).size, words.length);
    for (const word of words) assert.ok(word < 2n ** 248n);
    // Golden: whoever proves elsewhere has to compute the same.
    assert.equal(words[0].toString(16), '66269e0a59584bbb5dc7728eb1e1c81f446fb286ecb5bf404d47771789e24f');
  });
});

