import { Address, Cell } from '@ton/core';
import { z } from 'zod';
import { badParameter } from './errors';

/** Parameters of one call: from a JSON body, a query string or JSON-RPC. */
export type Parameters = Record<string, unknown>;

function read<T>(name: string, schema: z.ZodType<T>, parameters: Parameters): T {
  const parsed = schema.safeParse(parameters[name]);
  if (!parsed.success) throw badParameter(name, parsed.error.issues[0].message);
  return parsed.data;
}

/** An account in any form that toncenter takes. */
export function addressParameter(parameters: Parameters, name = 'address'): Address {
  const text = read(name, z.string(), parameters);
  try {
    return Address.parse(text);
  } catch {
    throw badParameter(name, 'Incorrect address');
  }
}

/** A bag of cells in base64. */
export function bocParameter(parameters: Parameters, name: string): Buffer {
  const text = read(name, z.string(), parameters);
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) throw badParameter(name, 'Incorrect base64');
  return Buffer.from(text, 'base64');
}

export function optionalCellParameter(parameters: Parameters, name: string): Cell | undefined {
  if (parameters[name] === undefined || parameters[name] === '') return undefined;
  return parseCell(name, bocParameter(parameters, name));
}

export function parseCell(name: string, boc: Buffer): Cell {
  try {
    return Cell.fromBoc(boc)[0];
  } catch {
    throw badParameter(name, 'Failed to deserialize bag of cells');
  }
}

export function integerParameter(
  parameters: Parameters,
  name: string,
  fallback: number,
  low: number,
  high: number,
): number {
  if (parameters[name] === undefined || parameters[name] === null) return fallback;
  return read(name, z.coerce.number().int().min(low).max(high), parameters);
}

export function optionalLt(parameters: Parameters, name: string): bigint | undefined {
  const value = parameters[name];
  if (value === undefined || value === null) return undefined;
  return BigInt(read(name, z.union([z.string().regex(/^\d{1,20}$/), z.number().int().nonnegative()]), parameters));
}

export const stringParameter = (parameters: Parameters, name: string): string => read(name, z.string(), parameters);
