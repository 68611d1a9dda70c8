import { keyEnd, type WorkerKeyRecord } from './ProviderStake';

/**
 * Whether a receipt of this date was signed while its key lived. One dated before or after is worth nothing to whoever
 * holds it, and no offence: the date is the worker's own word, which a liar sets back (attacks 20). What the stake loses
 * it for is contradicting itself, on whatever date.
 */
export const isInKeyLife = (record: WorkerKeyRecord, issuedAt: number): boolean =>
  record.fromUnix <= issuedAt && issuedAt < keyEnd(record);
