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

/** The same where a channel's piece is served: before and after its signature, and once it was handed to the socket. */
export const PIECE_CRASH_POINTS = ['pieceToSign', 'pieceSigned', 'pieceSent'] as const;
export type PieceCrashPoint = (typeof PIECE_CRASH_POINTS)[number];

/** The same for a client's store: before a commit, before and after it is on disk. */
export const CLIENT_CRASH_POINTS = ['clientPrepared', 'clientCommitted', 'clientSynced'] as const;
export type ClientCrashPoint = (typeof CLIENT_CRASH_POINTS)[number];

const [killedAt = '', killedAtPass = '1'] = (process.env.COCOON_CRASH_AT ?? '').split(':');
let passes = 0;

/**
 * Test hook: when the environment variable COCOON_CRASH_AT named this point at the start, the process kills itself with SIGKILL,
 * as a power cut would: no handler runs and nothing is flushed. `name:5` means the fifth time. Without the variable it
 * does nothing.
 */
export function crashPoint(point: CrashPoint | ChannelCrashPoint | PieceCrashPoint | ClientCrashPoint): void {
  if (killedAt !== point) return;
  passes += 1;
  if (passes === Number(killedAtPass)) process.kill(process.pid, 'SIGKILL');
}
