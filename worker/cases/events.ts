import type { Address, Transaction } from '@ton/core';
import { type CaseSubject, OP_OPEN_CASE, parseCase, readVerdict } from '../../wrappers';

/** What a stake's transactions say of disputes. Times are Unix seconds. */
export type CaseEvent =
  | { kind: 'opened'; address: Address; challenger: Address; subject: CaseSubject; time: number }
  /** `verdict` is one of CASE_VERDICTS. */
  | { kind: 'ended'; address: Address; verdict: number; time: number };

/** The event of a stake's transaction: a case that it opened, or the verdict of one. Null for every other one. */
export function caseEventOf({ inMessage, outMessages, description, now: time }: Transaction): CaseEvent | null {
  for (const { info, init, body } of outMessages.values()) {
    if (info.type !== 'internal' || init?.data == null || body.bits.length < 32 || body.beginParse().preloadUint(32) !== OP_OPEN_CASE) continue;
    const { challenger, subject } = parseCase(init.data);
    return { kind: 'opened', address: info.dest, challenger, subject, time };
  }
  // A stake throws at whoever pretends to be a case.
  if (inMessage?.info.type !== 'internal' || description.type !== 'generic' || description.aborted) return null;
  const verdict = readVerdict(inMessage.body);
  return verdict && { kind: 'ended', address: inMessage.info.src, verdict: verdict.verdict, time };
}
