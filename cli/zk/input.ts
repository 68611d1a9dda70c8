/** Inputs of a circuit. They come by a file: arguments of a process are public. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { fileSystemError } from '../../worker/dataFolder';
import { UsageError } from '../errors';

const list = z.array(z.int()).min(1);

/** @throws UsageError `usage.input`; StorageError */
export function readInput(path: string): number[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fileSystemError(cause, path, 'the input cannot be read');
  }
  try {
    return list.parse(JSON.parse(text));
  } catch (cause) {
    throw new UsageError('usage.input', 'this is no input of a circuit', { expected: 'a JSON list of integers', received: path, cause });
  }
}
