/** The bytes of a model file, wherever they are: read piece by piece, since a file may be larger than memory. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ModelFileError } from './errors';

export interface ModelBytes {
  readonly length: number;
  /** Bytes [offset, offset + length), which are within the file. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

export const memoryBytes = (bytes: Uint8Array): ModelBytes => ({
  length: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
  close: () => {},
});

/** @throws ModelFileError `model.file.unreadable` */
export function fileBytes(path: string): ModelBytes {
  const descriptor = attempt(() => openSync(path, 'r'));
  return {
    length: attempt(() => fstatSync(descriptor).size),
    read: (offset, length) => {
      const bytes = Buffer.allocUnsafeSlow(length);
      for (let done = 0; done < length; ) {
        const count = attempt(() => readSync(descriptor, bytes, done, length - done, offset + done));
        if (count === 0) refuseUnreadable('the file became shorter');
        done += count;
      }
      return bytes;
    },
    close: () => closeSync(descriptor),
  };
}

function attempt<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    refuseUnreadable((cause as NodeJS.ErrnoException).code ?? 'an error', cause);
  }
}

function refuseUnreadable(received: string, cause?: unknown): never {
  throw new ModelFileError('model.file.unreadable', 'the model file cannot be read', {
    expected: 'an exact model file', received, hint: 'check the path and its permissions', cause,
  });
}
