import { Address, Cell } from '@ton/core';
import { cannotParse, invalid } from './errors';

/** Parameters of one call: from a JSON body, a query string or JSON-RPC. */
export type Parameters = Record<string, unknown>;

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/** An account in any form that toncenter takes. */
export function addressParameter(parameters: Parameters, name = 'address'): Address {
  const text = stringParameter(parameters, name);
  try {
    return Address.parse(text);
  } catch {
    throw cannotParse(name);
  }
}

export function stringParameter(parameters: Parameters, name: string): string {
  const value = parameters[name];
  if (typeof value !== 'string') throw cannotParse(name);
  return value;
}

/** A bag of cells in base64. */
export function bocParameter(parameters: Parameters, name: string): Buffer {
  const text = stringParameter(parameters, name);
  if (text === '') throw invalid(`empty ${name}`);
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) throw cannotParse(name);
  return Buffer.from(text, 'base64');
}

export function cellParameter(parameters: Parameters, name: string): Cell {
  return parseCell(name, bocParameter(parameters, name));
}

export function optionalCellParameter(parameters: Parameters, name: string): Cell | undefined {
  return isAbsent(parameters[name]) || parameters[name] === '' ? undefined : cellParameter(parameters, name);
}

export function parseCell(name: string, boc: Buffer): Cell {
  try {
    return Cell.fromBoc(boc)[0];
  } catch {
    throw cannotParse(name);
  }
}

/** An integer, as a number or as decimal text. */
export function optionalInteger(
  parameters: Parameters,
  name: string,
  { low, high }: { low: number; high: number },
): number | undefined {
  const value = parameters[name];
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d{1,15}$/.test(value))) throw cannotParse(name);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw cannotParse(name);
  if (number < low) throw invalid(`${name} should be ${low === 1 ? 'positive' : `at least ${low}`}`);
  if (number > high) throw invalid(`${name} should be less or equal ${high}`);
  return number;
}

export function integerParameter(
  parameters: Parameters,
  name: string,
  range: { low: number; high: number; fallback?: number },
): number {
  const value = optionalInteger(parameters, name, range) ?? range.fallback;
  if (value === undefined) throw cannotParse(name);
  return value;
}

/** A logical time: a non-negative int64, as a number or as decimal text. */
export function optionalLt(parameters: Parameters, name: string): bigint | undefined {
  const value = parameters[name];
  if (isAbsent(value)) return undefined;
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  if (!isNumber && !(typeof value === 'string' && /^-?\d{1,19}$/.test(value))) throw cannotParse(name);
  const lt = BigInt(value as string | number);
  if (lt < 0n) throw invalid(`${name} should be non-negative`);
  if (lt >= 1n << 63n) throw cannotParse(name);
  return lt;
}

/** 32 bytes in hex, base64 or base64url; the empty text counts as none. */
export function optionalHash(parameters: Parameters, name: string): Buffer | undefined {
  const value = parameters[name];
  if (isAbsent(value) || value === '') return undefined;
  if (typeof value === 'string') {
    if (/^[0-9a-fA-F]{64}$/.test(value)) return Buffer.from(value, 'hex');
    if (/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return Buffer.from(value, 'base64');
  }
  throw cannotParse(name);
}

export function optionalBoolean(parameters: Parameters, name: string): boolean | undefined {
  const value = parameters[name];
  if (isAbsent(value)) return undefined;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw cannotParse(name);
}
