/** Answers that can be challenged, out of what this machine kept of them. */
import { existsSync, readFileSync } from 'node:fs';
import { Address, Cell } from '@ton/core';
import type { Challenged } from '../../disputes/opening';
import { AuditStore, type Evidence, openEvidence, parseEvidence, verifyEvidence } from '../../gateway/audit';
import { encodeReceipt, isExact, receiptHash, Tier, toHex } from '../../protocol';
import { parseDelivery, type SignedReceipt, toCell } from '../../wrappers';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadJob } from '../client/jobFile';
import { openAnswer, ownTerms } from '../client/verify';
import { UsageError, VerificationError } from '../errors';

export interface Accused {
  /** As its owner calls it: a job's address, or channel and number. */
  name: string;
  answer: Challenged;
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
  if (file !== undefined) return challengeable(await fromEvidence(readFileSync(file, 'utf8')));
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
  const { request, pieces } = openEvidence(evidence);
  const last = pieces.find(({ receipt }) => receipt.final);
  if (evidence.kind !== 'wrong-answer' || last === undefined) {
    throw new VerificationError('verification.not-challengeable', 'this evidence is not about a computation', {
      expected: 'a wrong answer that came to its end', received: evidence.kind, hint: 'two receipts that contradict each other are reported, not challenged',
    });
  }
  const { terms, payload } = request;
  return named(evidence.reference, { terms, payload, receipt: last.receipt }, last.signature);
}

function fromJob(dataFolder: string, address: string): Accused {
  const job = loadJob(dataFolder, address);
  if (job.delivery === undefined) {
    throw new VerificationError('verification.not-challengeable', 'this job has no answer yet', { received: `a job that is ${job.state}`, hint: `cocoon job resume ${address}` });
  }
  const { terms, payload } = ownTerms(job);
  const body = Cell.fromHex(job.delivery);
  // It was in time when it was paid for.
  const { receipt, signature } = openAnswer(job, body, parseDelivery(body).issuedAt);
  return named(address, { terms, payload, receipt }, signature);
}

const named = (name: string, answer: Challenged, signature: Uint8Array): Accused => ({
  name, answer, signed: { receipt: toCell(encodeReceipt(answer.receipt)), signature }, receiptHash: toHex(receiptHash(answer.receipt)),
});

function challengeable(accused: Accused): Accused {
  const { terms } = accused.answer;
  if (terms.tier === Tier.bonded && isExact(terms.semantics)) return accused;
  throw new VerificationError('verification.not-challengeable', 'a dispute about this answer is not possible', {
    expected: 'an exact answer of a bonded key', received: terms.tier === Tier.attested ? 'an attested answer, of which nothing is ever opened' : `semantics ${terms.semantics}`,
  });
}
