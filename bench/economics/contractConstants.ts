import { toNano } from '@ton/core';
import { constants } from '../../scripts/docs/source';

/**
 * Constants of a Tact file by name: whole numbers, amounts in nanoTON.
 * @throws RangeError for a name to which the file gives no number
 */
export function contractConstants(file: string): (name: string) => bigint {
  const known = new Map(constants(file).map(({ constant, value }) => [constant, value]));
  return (name) => {
    const [, amount, integer] = /^(?:ton\("([\d.]+)"\)|(\d+))$/.exec(known.get(name) ?? '') ?? [];
    if (amount === undefined && integer === undefined) throw new RangeError(`${file} has no number ${name}`);
    return amount === undefined ? BigInt(integer) : toNano(amount);
  };
}
