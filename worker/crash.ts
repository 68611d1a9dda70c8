/** Points at which a test can kill the worker, in the order in which a job passes them. */
export const CRASH_POINTS = ['afterSeen', 'afterCompute', 'afterSign', 'afterDurable', 'afterSend'] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/**
 * Test hook: when the environment variable COCOON_CRASH_AT names this point, the process kills itself with SIGKILL,
 * as a power cut would: no handler runs and nothing is flushed. Without the variable it does nothing.
 */
export function crashPoint(point: CrashPoint): void {
  if (process.env.COCOON_CRASH_AT === point) process.kill(process.pid, 'SIGKILL');
}
