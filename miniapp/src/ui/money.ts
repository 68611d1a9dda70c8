/** nanoTON as people read and write it. Whole numbers all the way: no amount is ever a floating one. */

const NANO = 1_000_000_000n;

/**
 * `12.0045` of 12004500000n in the language's own signs, without the unit.
 * @param round keep what matters: three digits, or four behind the point, `up` for what it may cost and `down` for what comes back
 */
export function formatTon(nano: bigint, language: string, round?: 'up' | 'down'): string {
  const size = nano < 0n ? -nano : nano;
  const rounded = round === undefined ? size : roundTo(size, keptUnit(size), round);
  const digits = (rounded % NANO).toString().padStart(9, '0').replace(/0+$/, '');
  const format = new Intl.NumberFormat(language);
  const point = format.formatToParts(1.5).find(({ type }) => type === 'decimal')?.value ?? '.';
  return `${nano < 0n ? '\u2212' : ''}${format.format(rounded / NANO)}${digits === '' ? '' : point + digits}`;
}

const keptUnit = (size: bigint): bigint => {
  const unit = 10n ** BigInt(Math.max(0, size.toString().length - 3));
  return unit > 100_000n ? 100_000n : unit;
};
const roundTo = (size: bigint, unit: bigint, round: 'up' | 'down'): bigint => ((round === 'up' ? size + unit - 1n : size) / unit) * unit;

/** nanoTON of what somebody typed, with a point or a comma; null where it is no amount. */
export function parseTon(text: string): bigint | null {
  const match = /^(\d{1,9})(?:[.,](\d{0,9}))?$/.exec(text.replace(/[\s\u00a0\u202f]/g, ''));
  return match === null ? null : BigInt(match[1]) * NANO + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** nanoTON for 1,000 tokens of a price per million, rounded up. */
export const perThousand = (perMillion: bigint): bigint => (perMillion + 999n) / 1000n;
