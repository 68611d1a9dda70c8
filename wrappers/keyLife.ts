import { keyEnd, type WorkerKeyRecord } from './ProviderStake';
import { KEY_ACCOUNTABLE_SECONDS } from './stakeState';

/**
 * Whether a receipt of this date was signed while its key lived. One dated before or after is worth nothing to whoever
 * holds it, and no offence: the date is the worker's own word, which a liar sets back (attacks 20). What the stake loses
 * it for is contradicting itself, on whatever date.
 */
export const isInKeyLife = (record: WorkerKeyRecord, issuedAt: number): boolean =>
  record.fromUnix <= issuedAt && issuedAt < keyEnd(record);

/** How long after its end a key keeps its slot, seconds: an attested key's computations cannot be disputed (attacks 45). */
export const accountableSeconds = ({ tier }: Pick<WorkerKeyRecord, 'tier'>): number => (tier === 0 ? KEY_ACCOUNTABLE_SECONDS : 0);
