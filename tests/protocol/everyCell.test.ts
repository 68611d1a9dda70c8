import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as protocol from '../../protocol';
import {
  arbitraryAcceptance,
  arbitraryBuild,
  arbitraryDecline,
  arbitraryGrant,
  arbitraryKeyClaim,
  arbitraryReceipt,
  arbitraryRefusal,
  arbitraryTerms,
  arbitraryVoucher,
} from '../support/objects';

interface Kind {
  any: fc.Arbitrary<object>;
  encode(value: never): protocol.PlainCell;
  decode(cell: protocol.PlainCell): object;
}

const kinds: Record<string, Kind> = {
  Terms: { any: arbitraryTerms, encode: protocol.encodeTerms, decode: protocol.decodeTerms },
  Receipt: { any: arbitraryReceipt, encode: protocol.encodeReceipt, decode: protocol.decodeReceipt },
  Decline: { any: arbitraryDecline, encode: protocol.encodeDecline, decode: protocol.decodeDecline },
  Refusal: { any: arbitraryRefusal, encode: protocol.encodeRefusal, decode: protocol.decodeRefusal },
  Voucher: { any: arbitraryVoucher, encode: protocol.encodeVoucher, decode: protocol.decodeVoucher },
  Acceptance: { any: arbitraryAcceptance, encode: protocol.encodeAcceptance, decode: protocol.decodeAcceptance },
  KeyClaim: { any: arbitraryKeyClaim, encode: protocol.encodeKeyClaim, decode: protocol.decodeKeyClaim },
  Build: { any: arbitraryBuild, encode: protocol.encodeBuild, decode: protocol.decodeBuild },
  ChallengeGrant: { any: arbitraryGrant, encode: protocol.encodeChallengeGrant, decode: protocol.decodeChallengeGrant },
};

const EMPTY: protocol.PlainCell = { bytes: new Uint8Array(0), bitLength: 0, refs: [] };

/** Every cell of the tree in turn, changed by `change`. */
function changedTrees(
  cell: protocol.PlainCell,
  change: (cell: protocol.PlainCell) => protocol.PlainCell,
): protocol.PlainCell[] {
  const below = cell.refs.flatMap((ref, index) =>
    changedTrees(ref, change).map((changed) => ({
      ...cell,
      refs: cell.refs.map((old, at) => (at === index ? changed : old)),
    })),
  );
  return [change(cell), ...below];
}

function resized(cell: protocol.PlainCell, bits: number): protocol.PlainCell {
  const bytes = new Uint8Array(Math.ceil((cell.bitLength + bits) / 8));
  bytes.set(cell.bytes.subarray(0, bytes.length));
  return { ...cell, bytes, bitLength: cell.bitLength + bits };
}

const refusal = (error: unknown) =>
  error instanceof protocol.ProtocolError &&
  ['MALFORMED_CELL', 'WRONG_TAG', 'RESERVED_BITS'].includes(error.code) &&
  error.expected !== undefined;

for (const [name, { any, encode, decode }] of Object.entries(kinds)) {
  const samples = fc.sample(any, { numRuns: 8, seed: 21 });
  describe(`a ${name}`, () => {
    it('has exactly its bits and references, in each of its cells', () => {
      for (const value of samples) {
        const cell = encode(value as never);
        for (const change of [
          (one: protocol.PlainCell) => resized(one, 1),
          (one: protocol.PlainCell) => resized(one, 8),
          (one: protocol.PlainCell) => resized(one, -1),
          (one: protocol.PlainCell) => ({ ...one, refs: [...one.refs, EMPTY] }),
        ]) {
          for (const changed of changedTrees(cell, change)) assert.throws(() => decode(changed), refusal);
        }
        if (cell.refs.length > 0) assert.throws(() => decode({ ...cell, refs: cell.refs.slice(1) }), refusal);
      }
    });

    it('is not read as any other object', () => {
      const cell = encode(samples[0] as never);
      for (const [other, { decode: decodeOther }] of Object.entries(kinds)) {
        if (other !== name) assert.throws(() => decodeOther(cell), refusal, other);
      }
    });

    it('changes its hash with every single bit, and a bit that still reads means another value', () => {
      const cell = encode(samples[1] as never);
      const flip = (at: number) => (one: protocol.PlainCell) => {
        const bytes = Uint8Array.from(one.bytes);
        const bit = at % one.bitLength;
        bytes[bit >> 3] ^= 0x80 >> (bit & 7);
        return { ...one, bytes };
      };
      const hash = protocol.toHex(protocol.cellHash(cell));
      for (let at = 0; at < cell.bitLength; at++) {
        for (const changed of changedTrees(cell, flip(at))) {
          assert.notEqual(protocol.toHex(protocol.cellHash(changed)), hash);
          let value: object;
          try {
            value = decode(changed);
          } catch (error) {
            assert.ok(error instanceof protocol.ProtocolError);
            continue;
          }
          assert.notDeepEqual({ ...value }, { ...samples[1] });
          assert.equal(
            protocol.toHex(protocol.cellHash(encode(value as never))),
            protocol.toHex(protocol.cellHash(changed)),
          );
        }
      }
    });
  });
}
