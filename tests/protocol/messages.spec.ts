import fs from 'node:fs';
import path from 'node:path';
import { beginCell, type Builder, type Slice } from '@ton/core';
import fc from 'fast-check';
import { CONTRACTS } from '../../scripts/docs/tables';
import { coins } from '../support/objects';
import { type Constructor, camel, encodeTlb, parseTlb } from '../support/tlb';

const root = path.join(__dirname, '../..');
const schema = parseTlb(fs.readFileSync(path.join(root, 'docs/messages.tlb'), 'utf8'));

/** Codecs that the compiler generated: loadX and storeX of every message. */
const generated: Record<string, unknown> = Object.assign(
  {},
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  ...CONTRACTS.map((contract) => require(path.join(root, `build/Suite/Suite_${contract}`))),
);

const someCell = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => beginCell().storeUint(value, 64).endCell());

function arbitrary(type: string): fc.Arbitrary<unknown> {
  const sized = /^(uint|int|bits)(\d+)$/.exec(type);
  if (sized?.[1] === 'uint') return fc.bigInt({ min: 0n, max: (1n << BigInt(sized[2])) - 1n });
  if (sized?.[1] === 'bits') {
    const length = Number(sized[2]) / 8;
    return fc.uint8Array({ minLength: length, maxLength: length });
  }
  if (type === 'Grams') return coins;
  if (type === 'Bool') return fc.boolean();
  if (type === 'MsgAddressInt') return fc.uint8Array({ minLength: 32, maxLength: 32 });
  if (type === '^Cell' || type === 'Cell') return someCell;
  if (type === '(Maybe ^Cell)') return fc.option(someCell);
  if (type === '(HashmapE 256 Bool)') {
    return fc.uniqueArray(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), { maxLength: 16 });
  }
  return values(constructorOf(type));
}

const constructorOf = (type: string): Constructor => [...schema.values()].find((one) => one.type === type)!;

/** Values of a constructor and of the rest that did not fit its cell. */
function values(constructor: Constructor): fc.Arbitrary<Record<string, unknown>> {
  const fields = constructor.fields.flatMap((field) =>
    field.type.endsWith('Rest') ? constructorOf(field.type.slice(1)).fields : [field],
  );
  return fc.record(Object.fromEntries(fields.map(({ name, type }) => [camel(name), arbitrary(type)])));
}

describe('docs/messages.tlb', () => {
  it.each([...schema.values()].filter(({ tag }) => tag !== undefined).map(({ name, type }) => [type, name]))(
    '%s: what the schema writes is what the compiled contract reads and writes again',
    (type, name) => {
      const load = generated[`load${type}`] as (slice: Slice) => never;
      const store = generated[`store${type}`] as (value: never) => (builder: Builder) => void;
      fc.assert(
        fc.property(values(schema.get(name)!), (value) => {
          const cell = encodeTlb(schema, name, value);
          const slice = cell.beginParse();
          const again = beginCell().store(store(load(slice))).endCell();
          expect(again.toString()).toBe(cell.toString());
        }),
        { numRuns: 20, seed: 7 },
      );
    },
  );
});
