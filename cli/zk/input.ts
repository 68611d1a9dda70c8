/** Inputs of a circuit. They come by a file: arguments of a process are public. */
import { z } from 'zod';
import { UsageError } from '../errors';
import { readJson } from './files';

const list = z.array(z.int()).min(1);

/** @throws UsageError `usage.input`; StorageError */
export const readInput = (path: string): number[] =>
  readJson(path, list, (cause) => new UsageError('usage.input', 'this is no input of a circuit', { expected: 'a JSON list of integers', received: path, cause }));
