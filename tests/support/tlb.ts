import { Address, beginCell, type Builder, Cell, Dictionary } from '@ton/core';

type Field = { name: string; type: string };
export interface Constructor {
  name: string;
  tag?: number;
  fields: Field[];
  type: string;
}
export type Schema = Map<string, Constructor>;

/** Reads the constructors of a TL-B file: `name#tag field:type ... = Type;`. Comments are dropped. */
export function parseTlb(source: string): Schema {
  const text = source.replace(/\/\/.*$/gm, ' ').replace(/\s+/g, ' ');
  const found: Schema = new Map();
  for (const statement of text
    .split(';')
    .map((part) => part.trim())
    .filter(Boolean)) {
    const match = /^(\w+)(?:#([0-9a-f]{8})|\$_)((?: (?:\{[^}]*\}|\w+:\^?(?:\w+|\([^)]*\))))*) = (\w+)(?: \w+)?$/.exec(
      statement,
    );
    if (!match) throw new Error(`not TL-B of this file's kind: ${statement}`);
    const [, name, tag, fields, type] = match;
    const named = fields.replace(/\{[^}]*\}/g, '').matchAll(/(\w+):(\^?(?:\w+|\([^)]*\)))/g);
    found.set(name, {
      name,
      type,
      tag: tag === undefined ? undefined : parseInt(tag, 16),
      fields: [...named].map(([, fieldName, fieldType]) => ({ name: fieldName, type: fieldType })),
    });
  }
  return found;
}

export const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

const chainLimit = (type: string): number | undefined => {
  const match = /^\^?\(ByteChain (\d+)\)$/.exec(type);
  return match ? Number(match[1]) : undefined;
};

/** Encodes values (camel-case names) from the schema alone. A field `x:^T` takes its values from `values` too. */
export function encodeTlb(schema: Schema, name: string, values: Record<string, unknown>): Cell {
  const constructor = schema.get(name)!;
  const builder = beginCell();
  if (constructor.tag !== undefined) builder.storeUint(constructor.tag, 32);
  for (const field of constructor.fields) {
    const value = values[camel(field.name)];
    const sized = /^(uint|int|bits)(\d+)$/.exec(field.type);
    const limit = chainLimit(field.type);
    if (limit !== undefined) storeChain(schema, builder, Buffer.from(value as Uint8Array), limit);
    else if (sized?.[1] === 'uint') builder.storeUint(value as bigint, Number(sized[2]));
    else if (sized?.[1] === 'int') builder.storeInt(value as bigint, Number(sized[2]));
    else if (sized?.[1] === 'bits') builder.storeBuffer(Buffer.from(value as Uint8Array), Number(sized[2]) / 8);
    else if (field.type === 'Grams') builder.storeCoins(value as bigint);
    else if (field.type === 'Bool') builder.storeBit(value as boolean);
    else if (field.type === 'MsgAddressInt') builder.storeAddress(new Address(0, Buffer.from(value as Uint8Array)));
    else if (field.type === '^Cell') builder.storeRef(value as Cell);
    else if (field.type === 'Cell') builder.storeSlice((value as Cell).beginParse());
    else if (field.type === '(Maybe ^Cell)') builder.storeMaybeRef(value as Cell | null);
    else if (field.type === '(HashmapE 256 Bool)') {
      const entries = Dictionary.empty(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool());
      for (const key of value as bigint[]) entries.set(key, true);
      builder.storeDict(entries);
    } else if (/^[A-Z]/.test(field.type)) {
      const inner = encodeTlb(schema, constructorOf(schema, field.type), value as Record<string, unknown>);
      builder.storeSlice(inner.beginParse());
    } else if (field.type.startsWith('^')) {
      builder.storeRef(encodeTlb(schema, constructorOf(schema, field.type.slice(1)), values));
    } else throw new Error(`unknown TL-B type ${field.type}`);
  }
  return builder.endCell();
}

/** byte_chain_end when the bytes fit, else byte_chain_more and the rest in the cell that the schema says. */
function storeChain(schema: Schema, builder: Builder, bytes: Buffer, limit: number): void {
  builder.storeBuffer(bytes.subarray(0, limit));
  if (bytes.length <= limit) return;
  const rest = beginCell();
  storeChain(schema, rest, bytes.subarray(limit), chainLimit(schema.get('byte_chain_more')!.fields[1].type)!);
  builder.storeRef(rest);
}

/** Fewest and most bits of a constructor's own cell. */
export function bitCount({ tag, fields }: Constructor): [number, number] {
  const sizes = fields.map(({ type }): [number, number] => {
    const limit = chainLimit(type);
    if (type.startsWith('^')) return [0, 0];
    if (limit !== undefined) return [0, limit * 8];
    if (type === 'Grams') return [4, 124];
    const bits = type === 'Bool' ? 1 : type === 'MsgAddressInt' ? 267 : Number(/\d+$/.exec(type)![0]);
    return [bits, bits];
  });
  const head = tag === undefined ? 0 : 32;
  return [0, 1].map((end) => sizes.reduce((sum, size) => sum + size[end], head)) as [number, number];
}

function constructorOf(schema: Schema, type: string): string {
  for (const { name, type: result } of schema.values()) if (result === type) return name;
  throw new Error(`no constructor of ${type}`);
}
