import { Address, beginCell, Cell } from '@ton/core';

type Field = { name: string; type: string };
export interface Constructor {
  name: string;
  tag?: number;
  fields: Field[];
  type: string;
}

/** Reads the constructors of a TL-B file: `name#tag field:type ... = Type;`. Comments are dropped. */
export function parseTlb(source: string): Map<string, Constructor> {
  const text = source.replace(/\/\/.*$/gm, ' ').replace(/\s+/g, ' ');
  const found = new Map<string, Constructor>();
  for (const statement of text.split(';').map((part) => part.trim()).filter(Boolean)) {
    const match = /^(\w+)(?:#([0-9a-f]{8})|\$_) (.*) = (\w+)$/.exec(statement);
    if (!match) throw new Error(`not TL-B of this file's kind: ${statement}`);
    const [, name, tag, fields, type] = match;
    found.set(name, {
      name, type, tag: tag === undefined ? undefined : parseInt(tag, 16),
      fields: fields.split(' ').map((field) => {
        const [fieldName, fieldType] = field.split(':');
        return { name: fieldName, type: fieldType };
      }),
    });
  }
  return found;
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Encodes values (camel-case names) from the schema alone. A field `x:^T` takes its values from `values` too. */
export function encodeTlb(schema: Map<string, Constructor>, name: string, values: Record<string, unknown>): Cell {
  const constructor = schema.get(name)!;
  const builder = beginCell();
  if (constructor.tag !== undefined) builder.storeUint(constructor.tag, 32);
  for (const field of constructor.fields) {
    const value = values[camel(field.name)];
    const sized = /^(uint|int|bits)(\d+)$/.exec(field.type);
    if (sized?.[1] === 'uint') builder.storeUint(value as bigint, Number(sized[2]));
    else if (sized?.[1] === 'int') builder.storeInt(value as bigint, Number(sized[2]));
    else if (sized?.[1] === 'bits') builder.storeBuffer(Buffer.from(value as Uint8Array), Number(sized[2]) / 8);
    else if (field.type === 'Grams') builder.storeCoins(value as bigint);
    else if (field.type === 'Bool') builder.storeBit(value as boolean);
    else if (field.type === 'MsgAddressInt') builder.storeAddress(new Address(0, Buffer.from(value as Uint8Array)));
    else if (field.type.startsWith('^')) builder.storeRef(encodeTlb(schema, constructorOf(schema, field.type.slice(1)), values));
    else throw new Error(`unknown TL-B type ${field.type}`);
  }
  return builder.endCell();
}

function constructorOf(schema: Map<string, Constructor>, type: string): string {
  for (const { name, type: result } of schema.values()) if (result === type) return name;
  throw new Error(`no constructor of ${type}`);
}
