/** What the case tells a check of receipts (contracts/slashing/receiptFacts.tact). */
import { beginCell, type Cell } from '@ton/core';
import { encodeConfig, type ExactConfig } from '../exact/config';
import { encodeLayout } from './step';

/** @param receipt cell of the signed receipt @param job of disputes/step.ts */
export const encodeReceiptFacts = (config: ExactConfig, receipt: Cell, job: Cell): Cell =>
  beginCell().storeBuffer(Buffer.from(encodeConfig(config))).storeRef(receipt).storeRef(job).storeRef(encodeLayout(config)).endCell();
