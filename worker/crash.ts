/** Points at which a test can kill the worker, in the order in which a job passes them. */
export const CRASH_POINTS = ['afterSeen', 'afterCompute', 'afterSign', 'afterDurable', 'afterSend'] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** The same for the store of channels: at a start, in each commit, when it moves the log into its main file. */
export const CHANNEL_CRASH_POINTS = [
  'startCommitted',
  'commitPrepared',
  'commitDone',
  'commitSynced',
  'commitMarked',
  'checkpointDone',
] as const;
export type ChannelCrashPoint = (typeof CHANNEL_CRASH_POINTS)[number];

let passes = 0;

/**
 * Test hook: when the environment variable COCOON_CRASH_AT names this point, the process kills itself with SIGKILL,
 * as a power cut would: no handler runs and nothing is flushed. `name:5` means the fifth time. Without the variable it
 * does nothing.
 */
export function crashPoint(point: CrashPoint | ChannelCrashPoint): void {
  const [name, count = '1'] = (process.env.COCOON_CRASH_AT ?? '').split(':');
  if (name !== point) return;
  passes += 1;
  if (passes === Number(count)) process.kill(process.pid, 'SIGKILL');
}
