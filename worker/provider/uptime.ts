import { BEAT_SECONDS } from '../operation/heartbeat';
import type { UptimeStore } from '../store/uptimeStore';
import type { UptimeReport } from './wire';

const DAY = 86_400;
const DAYS = 30;

/**
 * The last 30 UTC days of the worker's own record; days before it begins have no seconds that it could have run. It goes to the last beat: the worker that
 * answers runs, and its next one will say so.
 * @throws StorageError
 */
export function uptimeReport(store: UptimeStore, now: number): UptimeReport {
  const { since, until } = store.span() ?? { since: null, until: now };
  const today = now - (now % DAY);
  const days = Array.from({ length: DAYS }, (_, index) => {
    const start = today - (DAYS - 1 - index) * DAY;
    const from = Math.max(start, since ?? now);
    const to = Math.min(start + DAY, until);
    return { start, ...(from < to ? { ...store.within(from, to), ofSeconds: to - from } : { upSeconds: 0, readySeconds: 0, ofSeconds: 0 }) };
  });
  const sum = (name: 'upSeconds' | 'readySeconds' | 'ofSeconds'): number => days.reduce((seconds, day) => seconds + day[name], 0);
  return { since, beatSeconds: BEAT_SECONDS, days, total: { upSeconds: sum('upSeconds'), readySeconds: sum('readySeconds'), ofSeconds: sum('ofSeconds') } };
}
