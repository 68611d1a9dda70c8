import { isDeepStrictEqual } from 'node:util';
import {
  type CheckedPiece, type Ed25519, equalBytes, FinishReason, isSignedFault, portableEd25519, type Receipt, receiptHash, receiptsConflict, StreamChecker, toHex,
} from '../../protocol';
import { agree, compareAnswer, type ComputedParts, type Difference, type SignedAnswerParts } from './compare';
import { type Evidence, EvidenceError, openEvidence, type OpenedEvidence, partsOfRun, type SignedPiece, type WrongAnswer } from './evidence';

/** What evidence shows, as far as it goes. Hashes in lowercase hex. */
export interface Finding {
  kind: Evidence['kind'];
  stake: string;
  workerKey: string;
  /** The fault by name: the part that differs, the fault of the piece, or `two receipts`. */
  fault: string;
  difference?: Difference;
  /** Hash of the receipt that is accused; of two the later one. */
  receiptHash: string;
  /** Whether that receipt commits to a trace, without which no step of the computation can be shown to a contract. */
  hasTrace: boolean;
}

/**
 * Checks evidence without whoever found it: the request belongs to the terms, the worker's key signed every receipt, each stands for its sealed
 * bytes and tokens, and what is said to be wrong is. What only a computation shows stands on two runs that the document tells, and on
 * `recompute` where it is given.
 * @param recompute the request computed once more, for whoever has the model
 * @throws EvidenceError `verification.evidence.` `terms`, `pieces` (of another answer, or not signed as they are), `fault` (there is none, or
 * another), `unconfirmed` (one run alone), `difference` (the runs do not differ from the answer as said), `recomputation`
 */
export async function verifyEvidence(
  evidence: Evidence, { ed25519 = portableEd25519, recompute }: { ed25519?: Ed25519; recompute?: (opened: OpenedEvidence) => Promise<ComputedParts> } = {},
): Promise<Finding> {
  const opened = openEvidence(evidence);
  const checker = new StreamChecker(opened.request, ed25519);
  opened.pieces.forEach((piece, index) => {
    const checked = judged(checker, piece);
    if (checked.ok && piece.receipt.index === index) return;
    throw new EvidenceError('verification.evidence.pieces', 'a piece does not stand for what it says', {
      expected: 'pieces as the client accepts them, in order', received: `piece ${index}: ${checked.ok ? 'another index' : checked.fault}`,
    });
  });
  switch (evidence.kind) {
    case 'wrong-answer': {
      const receipt = checkDifference(evidence, opened, checker.answer);
      if (recompute !== undefined) requireDifference(evidence, opened, checker.answer, await recompute(opened), 'recomputation');
      return finding(evidence, opened, receipt, evidence.difference.part, evidence.difference);
    }
    case 'signed-fault': {
      const { receipt } = opened.rejected!;
      const checked = judged(checker, opened.rejected!);
      if (checked.ok || checked.fault !== evidence.fault || !isSignedFault(checked.fault)) throw noFault(evidence.fault, checked.ok ? 'none' : checked.fault);
      return finding(evidence, opened, receipt, evidence.fault);
    }
    case 'two-receipts': {
      const { receipt } = opened.rejected!;
      if (conflicting(opened, ed25519) === undefined) throw noFault('two receipts of one key that contradict each other', 'none');
      return finding(evidence, opened, receipt, 'two receipts');
    }
  }
}

/** The accepted piece that the rejected one contradicts, both signed by the worker's key. */
export function conflicting({ request, pieces, rejected }: OpenedEvidence, ed25519: Ed25519): SignedPiece | undefined {
  if (rejected === null || !ed25519.verify(receiptHash(rejected.receipt), rejected.signature, request.terms.workerKey)) return undefined;
  return pieces.find(({ receipt }) => receiptsConflict(receipt, rejected.receipt));
}

/** What the last accepted receipt stands for. */
export function signedParts({ pieces }: OpenedEvidence, tokens: readonly number[]): SignedAnswerParts {
  const { finishReason, responseCommit, traceCommit } = pieces[pieces.length - 1].receipt;
  return { tokens, finishReason, responseCommit, traceCommit };
}

/** A receipt's date was compared with the clock when it came. */
const judged = (checker: StreamChecker, piece: SignedPiece): CheckedPiece => checker.accept(piece, piece.receipt.issuedAt);

function checkDifference(evidence: WrongAnswer, opened: OpenedEvidence, tokens: readonly number[]): Receipt {
  if (tokens.length === 0) throw noFault('an answer', 'no token');
  const runs = evidence.computed.map(partsOfRun);
  if (runs.length < 2 || !runs.every((run) => agree(run, runs[0]))) {
    throw new EvidenceError('verification.evidence.unconfirmed', 'the difference was not found twice', { expected: 'two runs that agree', received: `${runs.length}` });
  }
  for (const run of runs) requireDifference(evidence, opened, tokens, run, 'difference');
  return opened.pieces[opened.pieces.length - 1].receipt;
}

function requireDifference({ difference }: WrongAnswer, opened: OpenedEvidence, tokens: readonly number[], run: ComputedParts, code: string): void {
  const { promptTokens } = opened.request.payload.request;
  const { commitSalt } = opened.request.payload;
  const found = compareAnswer(signedParts(opened, tokens), run, { promptTokens: promptTokens.length, commitSalt });
  if (isDeepStrictEqual(found, difference)) return;
  throw new EvidenceError(`verification.evidence.${code}`, 'the answer does not differ in that way from what was computed', {
    expected: JSON.stringify(difference), received: JSON.stringify(found),
  });
}

const noFault = (expected: string, received: string): EvidenceError =>
  new EvidenceError('verification.evidence.fault', 'the worker did not do what it is accused of', { expected, received });

function finding(evidence: Evidence, { request: { terms } }: OpenedEvidence, receipt: Receipt, fault: string, difference?: Difference): Finding {
  return {
    kind: evidence.kind, stake: toHex(terms.stake), workerKey: toHex(terms.workerKey), fault, ...(difference && { difference }),
    receiptHash: toHex(receiptHash(receipt)),
    hasTrace: receipt.finishReason !== FinishReason.cancelled && !equalBytes(receipt.traceCommit, new Uint8Array(32)),
  };
}
