import { readFileSync } from 'node:fs';
import { Address, Cell } from '@ton/core';
import { Command } from 'commander';
import { CocoonError, exportJobAnswer, FinishReason, toHex, type VerifiedReceipt, verifyReceiptFile } from '../../protocol';
import { fileSystemError, writePrivateFile } from '../../worker/dataFolder';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadJob } from '../client/jobFile';
import { openAnswer, ownTerms, readDelivery } from '../client/verify';
import { contextOf, withSettings } from '../context';
import { UsageError, VerificationError } from '../errors';
import { formatTon, linesOf } from '../output';

/** What no check without a network says. */
const UNPROVEN = ['whose key it is and what stands behind it', 'that the model gives this answer', 'when it was signed: the date is the word of the worker'];

/** `cocoon receipt verify | export`: answers with their receipts as files. */
export function receiptCommand(): Command {
  return new Command('receipt')
    .description('an answer with its receipts as a file: checked without a network, exported from a job')
    .addCommand(verifyCommand())
    .addCommand(exportCommand());
}

function verifyCommand(): Command {
  return withSettings(new Command('verify'))
    .description('check an exported answer: signatures, commitments, counts, amounts and the tokens in the file; asks nobody')
    .argument('<file>', 'what `receipt export` or a page wrote')
    .action((file: string, options: Record<string, unknown>) => {
      const { output } = contextOf(options);
      const report = reportOf(verifyReceiptFile(jsonOf(file), nodeEd25519));
      output.result(report, `the receipt holds\n${linesOf({ ...report, due: formatTon(report.dueNano), tokens: report.tokens.join(' '), unproven: UNPROVEN.join('; ') })}`);
    });
}

function exportCommand(): Command {
  return withSettings(new Command('export'))
    .description('write the answer of a job of this data folder, its request and its receipt into one file (mode 0600)')
    .argument('<address>', 'address of the job')
    .requiredOption('--out <file>', 'where to; whoever reads the file reads prompt and answer')
    .action((address: string, options: Record<string, unknown>) => {
      const { output, settings } = contextOf(options);
      const job = loadJob(settings.dataFolder, rawAddress(address));
      if (job.delivery === undefined) throw new VerificationError('verification.no-answer', 'this job has no answer', { received: job.state, hint: 'cocoon job resume waits for it' });
      const body = Cell.fromHex(job.delivery);
      const delivered = readDelivery(job, body);
      const { tokens, receiptHash } = openAnswer(job, body, delivered.receipt.issuedAt);
      const out = String(options.out);
      writePrivateFile(out, `${JSON.stringify(exportJobAnswer(ownTerms(job), delivered, tokens))}\n`);
      output.result({ file: out, receiptHash }, `${out}: receipt ${receiptHash}; the file holds prompt and answer`);
    });
}

function jsonOf(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw fileSystemError(cause, file, 'cannot read a receipt file');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CocoonError('RECEIPT_FORMAT', 'this is no receipt file', { expected: 'a JSON document', cause });
  }
}

function reportOf({ kind, terms, termsHash, receipt, receiptHash, promptTokens, tokens }: VerifiedReceipt) {
  const finishReason = Object.entries(FinishReason).find(([, value]) => value === receipt.finishReason)![0];
  return {
    kind, networkId: terms.networkId, account: `0:${toHex(receipt.escrow)}`, seq: receipt.seq, stake: `0:${toHex(terms.stake)}`, workerKey: toHex(terms.workerKey),
    modelRoot: toHex(terms.modelRoot), termsHash: toHex(termsHash), receiptHash: toHex(receiptHash), issuedAt: receipt.issuedAt, dueNano: receipt.dueNano, promptTokens: promptTokens.length,
    tokens: [...tokens], final: receipt.final, finishReason, unproven: UNPROVEN,
  };
}

function rawAddress(text: string): string {
  try {
    return Address.parse(text).toRawString();
  } catch {
    throw new UsageError('usage.address', 'this is not an address', { expected: 'a TON address', received: text.slice(0, 80) });
  }
}
