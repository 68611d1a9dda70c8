import { Cell, type TupleItem, TupleReader } from '@ton/core';

/**
 * A result of a get-method that may be null, as a reader of its fields. TonClient (@ton/ton 16.3) gives what is inside of
 * tuples as plain values, the sandbox and others as items: both are read.
 */
export function readOptionalTuple(stack: TupleReader): TupleReader | null {
  const tuple = stack.readTupleOpt();
  return tuple === null ? null : new TupleReader(itemsOf(tuple));
}

function itemsOf(tuple: TupleReader): TupleItem[] {
  const items: TupleItem[] = [];
  while (tuple.remaining > 0) items.push(itemOf(tuple.pop()));
  return items;
}

function itemOf(value: unknown): TupleItem {
  if (typeof value === 'bigint') return { type: 'int', value };
  if (value instanceof Cell) return { type: 'cell', cell: value };
  if (Array.isArray(value)) return value.length === 0 ? { type: 'null' } : { type: 'tuple', items: value.map(itemOf) };
  const item = value as TupleItem;
  return item.type === 'tuple' ? { type: 'tuple', items: item.items.map(itemOf) } : item;
}
