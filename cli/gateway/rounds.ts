import type { Logger } from '../../worker/log';

/**
 * Does all of `work` now and from time to time, one after the other and one round at a time. What fails is logged, and tried again in the next
 * round.
 */
export function keepRounds(work: readonly (() => unknown)[], everyMillis: number, log: Logger): { stop(): Promise<void> } {
  let current: Promise<void> | null = null;
  const round = async (): Promise<void> => {
    for (const each of work) {
      try {
        await each();
      } catch (error) {
        log.error({ error: String(error) }, 'what is done from time to time failed');
      }
    }
  };
  const begin = (): void => void (current ??= round().finally(() => (current = null)));
  begin();
  const timer = setInterval(begin, everyMillis);
  return {
    stop: async () => {
      clearInterval(timer);
      await current;
    },
  };
}
