import type { Cell, TupleItem } from '@ton/core';
import { ApiError } from './errors';
import { parseCell } from './parameters';

const boc = (cell: Cell): string => cell.toBoc().toString('base64');

const refuse = (problem: string): ApiError => new ApiError(422, problem);

/** Arguments of runGetMethod: [["num", "0x1"], ["tvm.Cell", base64], ["tvm.Slice", base64]]. */
export function parseStack(stack: unknown): TupleItem[] {
  if (stack === undefined || stack === null) return [];
  if (!Array.isArray(stack)) throw refuse('failed to parse stack');
  return stack.map(parseItem);
}

function parseItem(entry: unknown): TupleItem {
  if (!Array.isArray(entry) || entry.length !== 2) throw refuse('Expected 2 elements in stack entry');
  const [type, value] = entry as unknown[];
  const bytes = (value as { bytes?: unknown } | null)?.bytes;
  switch (type) {
    case 'num':
    case 'int':
    case 'number':
    case 'integer':
      return { type: 'int', value: parseInteger(value) };
    case 'tvm.Cell':
      return { type: 'cell', cell: parseBase64(type, value) };
    case 'cell':
      return { type: 'cell', cell: parseBase64(type, bytes) };
    case 'tvm.Slice':
      return { type: 'slice', cell: parseBase64(type, value) };
    case 'slice':
      return { type: 'slice', cell: parseBase64(type, bytes) };
    default:
      throw new ApiError(542, `Unsupported stack entry type: ${String(type).slice(0, 40)}`);
  }
}

function parseBase64(type: string, value: unknown): Cell {
  if (typeof value !== 'string') throw refuse(`Invalid ${type}, base64 string expected`);
  if (value === '') throw refuse(`Empty ${type}`);
  return parseCell(type, Buffer.from(value, 'base64'));
}

function parseInteger(value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  const match = typeof value === 'string' && /^(-?)(0x[0-9a-fA-F]{1,64}|\d{1,78})$/.exec(value);
  if (!match) throw refuse(`Invalid number: ${String(value).slice(0, 100)}`);
  const number = match[1] === '-' ? -BigInt(match[2]) : BigInt(match[2]);
  if (BigInt.asIntN(257, number) !== number) throw refuse(`Invalid number: ${value as string}`);
  return number;
}

/** Results of runGetMethod, as toncenter v2 answers them. */
export function formatStack(items: TupleItem[]): unknown[] {
  return items.map((item) => {
    switch (item.type) {
      case 'int':
        return ['num', item.value < 0n ? `-0x${(-item.value).toString(16)}` : `0x${item.value.toString(16)}`];
      case 'nan':
        return ['num', 'NaN'];
      case 'null':
        return ['list', { '@type': 'tvm.list', elements: [] }];
      case 'cell':
      case 'slice':
        // Slices too: toncenter has called them cells ever since.
        return ['cell', { bytes: boc(item.cell), ...legacyObject(item.cell) }];
      case 'builder':
        return ['unsupported', ''];
      case 'tuple': {
        const list = listOf(item);
        return list !== null
          ? ['list', { '@type': 'tvm.list', elements: list.map(formatElement) }]
          : ['tuple', { '@type': 'tvm.tuple', elements: item.items.map(formatElement) }];
      }
    }
  });
}

function formatElement(item: TupleItem): unknown {
  switch (item.type) {
    case 'int':
      return {
        '@type': 'tvm.stackEntryNumber',
        number: { '@type': 'tvm.numberDecimal', number: item.value.toString() },
      };
    case 'cell':
      return { '@type': 'tvm.stackEntryCell', cell: { '@type': 'tvm.cell', bytes: boc(item.cell) } };
    case 'slice':
      return { '@type': 'tvm.stackEntrySlice', slice: { '@type': 'tvm.slice', bytes: boc(item.cell) } };
    case 'null':
      return { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements: [] } };
    case 'tuple': {
      const list = listOf(item);
      return list !== null
        ? { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements: list.map(formatElement) } }
        : {
            '@type': 'tvm.stackEntryTuple',
            tuple: { '@type': 'tvm.tuple', elements: item.items.map(formatElement) },
          };
    }
    default:
      return { '@type': 'tvm.stackEntryUnsupported' };
  }
}

/** The elements of a list, which is pairs (element, rest) down to null, or null for other tuples. */
function listOf(tuple: TupleItem): TupleItem[] | null {
  const elements: TupleItem[] = [];
  let rest = tuple;
  while (rest.type === 'tuple' && rest.items.length === 2) {
    elements.push(rest.items[0]);
    rest = rest.items[1];
  }
  return rest.type === 'null' ? elements : null;
}

/** Most cells that are written out as a tree: the same few cells, referred to again and again, can be any number. */
const MAX_TREE_CELLS = 2_000;

function legacyObject(cell: Cell): { object?: unknown } {
  return treeSize(cell, new Map()) > MAX_TREE_CELLS ? {} : { object: legacyCell(cell) };
}

function treeSize(cell: Cell, known: Map<Cell, number>): number {
  const size = known.get(cell) ?? cell.refs.reduce((sum, ref) => sum + treeSize(ref, known), 1);
  known.set(cell, size);
  return size;
}

/** A cell as tonweb reads it. */
function legacyCell(cell: Cell): unknown {
  const { length } = cell.bits;
  const bytes = Buffer.alloc(Math.ceil(length / 8));
  for (let bit = 0; bit < length; bit++) if (cell.bits.at(bit)) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  return {
    data: { b64: bytes.toString('base64'), len: length },
    refs: cell.refs.map(legacyCell),
    special: cell.isExotic,
  };
}
