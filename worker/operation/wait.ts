import { sleep } from '../chain/chainClient';

const LOOK_MILLIS = 10;

/** Resolves as soon as the condition holds, at once when it does already, or when the signal aborts. @returns whether it holds */
export async function holds(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
  while (!condition() && !signal.aborted) await sleep(LOOK_MILLIS, signal);
  return condition();
}

/** Resolves with the work, whatever came of it, or when the signal aborts. */
export function ended(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) return done();
    signal.addEventListener('abort', done);
    work.then(done, done);
  });
}

/** A signal that aborts after a time, of which `clear` frees the process. */
export function deadline(millis: number): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  if (millis <= 0) controller.abort();
  const timer = setTimeout(() => controller.abort(), millis);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
