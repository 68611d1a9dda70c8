import type { CellReader } from '../../../protocol/cells';
import { ProtocolError } from '../../../protocol/protocolError';

/** Most entries of a dictionary, a wallet's messages at once: none that is read has more, and a few cells can unfold to any number. */
const MAX_ENTRIES = 255;

/**
 * All entries of a dictionary (HashmapE of block.tlb), keys ascending.
 * @param reader stands at the bit that says whether there is a root
 * @throws ProtocolError MALFORMED_CELL
 */
export function readDictionary<T>(reader: CellReader, keyBits: number, value: (reader: CellReader) => T): [bigint, T][] {
  const entries: [bigint, T][] = [];
  const walk = (node: CellReader, before: bigint, left: number): void => {
    const [label, length] = readLabel(node, left);
    const key = before << BigInt(length) | label;
    const rest = left - length;
    if (rest === 0) {
      if (entries.length === MAX_ENTRIES) throw malformed(`at most ${MAX_ENTRIES} entries`);
      entries.push([key, value(node)]);
    } else {
      for (const bit of [0n, 1n]) walk(node.ref('branch'), key << 1n | bit, rest - 1);
    }
    node.end();
  };
  if (reader.number(1) === 1) walk(reader.ref('root'), 0n, keyBits);
  return entries;
}

/** HmLabel: bits that all keys below share. */
function readLabel(node: CellReader, left: number): [label: bigint, length: number] {
  const lengthBits = 32 - Math.clz32(left);
  let length = 0;
  let label = 0n;
  if (node.number(1) === 0) {
    while (node.number(1) === 1) length++;
    label = node.uint(length);
  } else if (node.number(1) === 0) {
    length = node.number(lengthBits);
    label = node.uint(length);
  } else {
    const bit = node.uint(1);
    length = node.number(lengthBits);
    label = bit === 1n ? (1n << BigInt(length)) - 1n : 0n;
  }
  if (length > left) throw malformed(`a label of at most ${left} bits`);
  return [label, length];
}

const malformed = (expected: string): ProtocolError => new ProtocolError('MALFORMED_CELL', 'dictionary is malformed', { expected });
