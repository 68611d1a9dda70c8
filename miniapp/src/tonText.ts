/** nanoTON as a number of TON for parameters of texts, with a point in every language and without zeros at its end. */
export function tonText(nano: bigint): string {
  const digits = nano.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '');
}
