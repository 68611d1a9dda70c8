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

/** Whoever has it can abort it; it aborts by itself when another signal does. */
export interface LinkedAbort {
  signal: AbortSignal;
  abort(reason: unknown): void;
  /** Lets go of the other signal. */
  unlink(): void;
}

/** What AbortSignal.any does, for a signal that comes with every request: without weak references, which cost more than the rest of it. */
export function abortWith(other: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const { signal } = controller;
  const follow = (): void => controller.abort(other.reason);
  if (other.aborted) follow();
  else other.addEventListener('abort', follow, { once: true });
  return { signal, abort: (reason) => controller.abort(reason), unlink: () => other.removeEventListener('abort', follow) };
}

/** A signal that aborts after a time, of which `clear` frees the process. */
export function deadline(millis: number): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  if (millis <= 0) controller.abort();
  const timer = setTimeout(() => controller.abort(), millis);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}
