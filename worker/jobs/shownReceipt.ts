import { Address, Cell, loadMessage } from '@ton/core';
import { CellReader, encodeReceipt, type Receipt } from '../../protocol';
import { fromCell, parseDelivery, toCell } from '../../wrappers';
import type { JobRecord } from '../store/jobStore';

/** What `GET /v1/jobs/ADDRESS/receipt` answers. */
export interface ShownReceipt {
  /** Bag of cells, base64. */
  receipt: string;
  /** Ed25519, hex. */
  signature: string;
}

/** The receipt of an answered job, read back from the signed bytes in the store; null when the job has none. */
export function shownReceipt(job: JobRecord, networkId: number): ShownReceipt | null {
  const signed = storedReceipt(job, networkId);
  if (signed === null) return null;
  return { receipt: toCell(encodeReceipt(signed.receipt)).toBoc().toString('base64'), signature: Buffer.from(signed.signature).toString('hex') };
}

function storedReceipt(job: JobRecord, networkId: number): { receipt: Receipt; signature: Uint8Array } | null {
  if (job.external === null || job.receiptHash === null) return null;
  const { body } = loadMessage(Cell.fromBoc(job.external)[0].beginParse());
  return receiptOfDelivery(body, { networkId, termsHash: new Uint8Array(Buffer.from(job.termsHash!, 'hex')), escrow: new Uint8Array(Address.parseRaw(job.address).hash), dueNano: job.priceNano! });
}

/** What a delivery says of its receipt with what its job says, and the bytes beside it. */
export function receiptOfDelivery(body: Cell, job: Pick<Receipt, 'networkId' | 'termsHash' | 'escrow' | 'dueNano'>): { receipt: Receipt; signature: Uint8Array; output: Uint8Array } {
  const { signature, output, claims, finishReason, issuedAt } = parseDelivery(body);
  const reader = new CellReader('Receipt claims', fromCell(claims));
  const receipt: Receipt = {
    ...job,
    seq: 0,
    index: 0,
    final: true,
    finishReason,
    issuedAt,
    sealedHash: reader.fixedBytes(32),
    responseCommit: reader.fixedBytes(32),
    traceCommit: reader.fixedBytes(32),
    promptTokens: reader.number(32),
    outputTokens: reader.number(32),
  };
  reader.end();
  return { receipt, signature, output };
}
