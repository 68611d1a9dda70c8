import { UsageError } from './errors';

/** A number from a flag. @throws UsageError `usage.number` */
export function parseNumber(flag: string, text: string, minimum: number, maximum: number, whole = false): number {
  const value = Number(text);
  if (
    text.trim() === '' ||
    !Number.isFinite(value) ||
    value < minimum ||
    value > maximum ||
    (whole && !Number.isInteger(value))
  ) {
    throw new UsageError('usage.number', `${flag} has a value that cannot be used`, {
      expected: `${whole ? 'a whole number' : 'a number'} from ${minimum} to ${maximum}`,
      received: JSON.stringify(text),
    });
  }
  return value;
}

/** An amount in TON, such as `0.05`, as nanoTON. @throws UsageError `usage.amount` */
export function parseTon(flag: string, text: string): bigint {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) {
    throw new UsageError('usage.amount', `${flag} has a value that cannot be used`, {
      expected: 'an amount in TON with at most 9 decimals, such as 0.05',
      received: JSON.stringify(text),
    });
  }
  return BigInt(match[1]) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
