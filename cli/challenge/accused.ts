/** Answers that can be challenged, out of what this machine kept of them. */
import { existsSync, readFileSync } from 'node:fs';
import { Address, Cell } from '@ton/core';
import type { Delivery } from '../../disputes/accusations';
import type { Challenged } from '../../disputes/opening';
import { AuditStore, type Evidence, openEvidence, parseEvidence, verifyEvidence } from '../../gateway/audit';
import {
  decodeResponse, encodeReceipt, isExact, openResponse, receiptHash, type ResponsePlaintext, StreamChecker, termsHash, Tier, toHex, Visibility,
} from '../../protocol';
import { type SignedReceipt, toCell } from '../../wrappers';
import { fileSystemError } from '../../worker/dataFolder';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadJob } from '../client/jobFile';
import { ownTerms, readDelivery } from '../client/verify';
import { UsageError, VerificationError } from '../errors';

export interface Accused {
  /** As its owner calls it: a job's address, or channel and number. */
  name: string;
  answer: Challenged;
  delivery: Delivery;
  signed: SignedReceipt;
  /** Lowercase hex. */
  receiptHash: string;
}

const REFERENCE = /^[0-9a-f]{64}-\d+$/;

/**
 * The answer of that name: a file with evidence of the gateway, the reference of an audited answer, or the address of a job of this data folder.
 * @throws UsageError `usage.receipt`; VerificationError `verification.not-challengeable`; EvidenceError
 */
export async function accusedOf(dataFolder: string, name: string): Promise<Accused> {
  const file = existsSync(name) ? name : REFERENCE.test(name) ? evidenceFile(dataFolder, name) : undefined;
  if (file !== undefined) return challengeable(await fromEvidence(readEvidence(file)));
  let address: Address;
  try {
    address = Address.parse(name);
  } catch {
    throw new UsageError('usage.receipt', 'nothing of that name can be challenged', {
      expected: 'a file with evidence, the reference of an answer (cocoon gateway audits), or the address of a job', received: name.slice(0, 100),
    });
  }
  return challengeable(fromJob(dataFolder, address.toRawString()));
}

/** @throws StorageError */
function readEvidence(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw fileSystemError(cause, file, 'cannot read evidence');
  }
}

function evidenceFile(dataFolder: string, reference: string): string {
  const found = listEvidence(dataFolder).find((one) => one.reference === reference);
  if (found !== undefined) return found.file;
  throw new UsageError('usage.receipt', 'there is no evidence against this answer', { received: reference, hint: 'cocoon gateway audits lists what was found' });
}

/** What audits of this data folder's gateway have found. */
export function listEvidence(dataFolder: string): { file: string; reference: string }[] {
  const store = AuditStore.look(dataFolder);
  try {
    return store?.evidence.list() ?? [];
  } finally {
    store?.close();
  }
}

async function fromEvidence(text: string): Promise<Accused> {
  const evidence: Evidence = parseEvidence(text);
  await verifyEvidence(evidence, { ed25519: nodeEd25519 });
  const { request, pieces, rejected } = openEvidence(evidence);
  const last = evidence.kind === 'signed-fault' ? rejected : pieces.find(({ receipt }) => receipt.final);
  if (evidence.kind === 'two-receipts' || last?.receipt.final !== true) {
    throw new VerificationError('verification.not-challengeable', 'this evidence is not about a whole answer', {
      expected: 'an answer that came to its end', received: evidence.kind, hint: 'two receipts that contradict each other are reported, not challenged',
    });
  }
  const { terms, payload } = request;
  const checker = new StreamChecker(request, nodeEd25519);
  for (const piece of pieces.filter((one) => one !== last)) checker.accept(piece, piece.receipt.issuedAt);
  const earlier = checker.answer;
  const { index } = last.receipt;
  const plain = read(() => openResponse(last.sealed, payload.responseKey, request.termsHash, { index, final: true }));
  const opened = plain && { ...plain, tokens: [...earlier, ...plain.tokens] };
  return named(evidence.reference, { terms, payload, receipt: last.receipt }, last.signature, { output: last.sealed, opened, before: earlier.length });
}

function fromJob(dataFolder: string, address: string): Accused {
  const job = loadJob(dataFolder, address);
  if (job.delivery === undefined) {
    throw new VerificationError('verification.not-challengeable', 'this job has no answer yet', { received: `a job that is ${job.state}`, hint: `cocoon job resume ${address}` });
  }
  const { terms, payload } = ownTerms(job);
  const { receipt, signature, output } = readDelivery(job, Cell.fromHex(job.delivery));
  const opened = read(() => (terms.visibility === Visibility.public ? output : openResponse(output, payload.responseKey, termsHash(terms))));
  return named(address, { terms, payload, receipt }, signature, { output, opened, before: 0 });
}

/** What the bytes say, where they can be opened and read. */
function read(open: () => Uint8Array): ResponsePlaintext | null {
  try {
    return decodeResponse(open());
  } catch {
    return null;
  }
}

function named(name: string, answer: Challenged, signature: Uint8Array, delivery: Delivery): Accused {
  const hash = receiptHash(answer.receipt);
  if (!nodeEd25519.verify(hash, signature, answer.terms.workerKey)) {
    throw new VerificationError('verification.bad-signature', 'the receipt is not signed by the worker key of its terms', { received: name });
  }
  return { name, answer, delivery, signed: { receipt: toCell(encodeReceipt(answer.receipt)), signature }, receiptHash: toHex(hash) };
}

function challengeable(accused: Accused): Accused {
  const { terms } = accused.answer;
  if (terms.tier === Tier.bonded && isExact(terms.semantics)) return accused;
  throw new VerificationError('verification.not-challengeable', 'a dispute about this answer is not possible', {
    expected: 'an exact answer of a bonded key', received: terms.tier === Tier.attested ? 'an attested answer, of which nothing is ever opened' : `semantics ${terms.semantics}`,
  });
}
