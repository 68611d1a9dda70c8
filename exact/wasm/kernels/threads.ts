/** Threads that share the memory and meet between the phases of a step. AssemblyScript. */

/**
 * Returns once all threads have called it. Whoever comes early looks for a while, since the others are close, then
 * sleeps, since they may have no core.
 * @param at three words, each on a line of the cache of its own (64 bytes), 0 at first: threads that wait, rounds, and what
 *   has been dealt out since the last round
 */
export function meet(at: usize, threads: i32, looks: i32): void {
  if (threads == 1) return;
  const round = atomic.load<i32>(at, 64);
  if (atomic.add<i32>(at, 1) == threads - 1) {
    atomic.store<i32>(at, 0);
    atomic.store<i32>(at, 0, 128);
    atomic.store<i32>(at, round + 1, 64);
    atomic.notify(at + 64, -1);
    return;
  }
  for (let i = 0; i < looks; i++) {
    if (atomic.load<i32>(at, 64) != round) return;
  }
  while (atomic.load<i32>(at, 64) == round) atomic.wait<i32>(at + 64, round, -1);
}
