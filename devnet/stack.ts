import { Cell, type TupleItem } from '@ton/core';
import { badParameter } from './errors';
import { parseCell } from './parameters';

const boc = (cell: Cell): string => cell.toBoc().toString('base64');

/** Arguments of runGetMethod: [["num", "0x1"], ["tvm.Cell", base64], ["tvm.Slice", base64]]. */
export function parseStack(stack: unknown): TupleItem[] {
  if (stack === undefined) return [];
  if (!Array.isArray(stack)) throw badParameter('stack', 'expected an array');
  return stack.map((entry): TupleItem => {
    const [type, value] = Array.isArray(entry) ? entry : [];
    if (type === 'num' && (typeof value === 'string' || typeof value === 'number'))
      return { type: 'int', value: integer(String(value)) };
    if (type === 'tvm.Cell' && typeof value === 'string')
      return { type: 'cell', cell: parseCell('stack', Buffer.from(value, 'base64')) };
    if (type === 'tvm.Slice' && typeof value === 'string')
      return { type: 'slice', cell: parseCell('stack', Buffer.from(value, 'base64')) };
    throw badParameter('stack', 'expected ["num", ...], ["tvm.Cell", base64] or ["tvm.Slice", base64]');
  });
}

function integer(text: string): bigint {
  const match = /^(-?)(0x[0-9a-fA-F]{1,65}|\d{1,78})$/.exec(text);
  if (!match) throw badParameter('stack', 'Incorrect number');
  return match[1] === '-' ? -BigInt(match[2]) : BigInt(match[2]);
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
        return ['cell', { bytes: boc(item.cell) }];
      case 'slice':
        return ['slice', { bytes: boc(item.cell) }];
      case 'builder':
        return ['builder', { bytes: boc(item.cell) }];
      case 'tuple':
        return ['tuple', { '@type': 'tvm.tuple', elements: item.items.map(formatElement) }];
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
    case 'tuple':
      return {
        '@type': 'tvm.stackEntryTuple',
        tuple: { '@type': 'tvm.tuple', elements: item.items.map(formatElement) },
      };
    default:
      return { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements: [] } };
  }
}
