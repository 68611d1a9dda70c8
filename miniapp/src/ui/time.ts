/** Moments in words of the language. */

const UNITS = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]] as const;

/** `in 5 minutes`, `2 hours ago`. Seconds. */
export function relativeTime(at: number, now: number, language: string): string {
  const left = at - now;
  const [unit, size] = UNITS.find(([, seconds]) => Math.abs(left) >= seconds * 1.5) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.round(left / size), unit);
}

/** Seconds. */
export const formatDate = (at: number, language: string): string => new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(new Date(at * 1000));

/** Date and time to the minute. Seconds. */
export const formatTime = (at: number, language: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at * 1000));
