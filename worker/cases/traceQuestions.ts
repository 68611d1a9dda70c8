/**
 * Questions about the trace of a receipt, and their answers, as they travel: sealed under a key that follows from the secrets of the request, which its
 * client, its worker and whoever the client gave them to have, and nobody else. Of a public job these are zero: anybody may ask.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Cell } from '@ton/core';
import { z } from 'zod';
import { concatBytes, decodeReceipt, decodeTerms, encodeReceipt, encodeTerms, type Receipt, type RequestPayload, type Terms } from '../../protocol';
import { fromCell, toCell } from '../../wrappers';

/** Where a worker answers them. */
export const TRACES_PATH = '/v1/traces';
/** A question travels with the terms and the receipt that it is about. */
export const MAX_QUESTION_BODY = 8_192;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const base64 = (most: number) => z.string().max(most).regex(/^[A-Za-z0-9+/]*={0,2}$/);
const whole = z.number().int().min(0).max(2 ** 32 - 1);

/** The body that is posted. */
export const questionBody = z.strictObject({
  /** Basechain hash of the job or channel, and the number of the request there. */
  escrow: hash, seq: whole, receiptHash: hash, question: base64(6_144),
});
export type QuestionBody = z.infer<typeof questionBody>;

export const questionSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('root') }),
  z.strictObject({ ask: z.literal('children'), depth: whole, index: whole }),
  z.strictObject({ ask: z.literal('position'), t: whole }),
  z.strictObject({ ask: z.literal('innerChildren'), t: whole, depth: whole, index: whole }),
  z.strictObject({ ask: z.literal('leaf'), t: whole, index: whole }),
]);
export type Question = z.infer<typeof questionSchema>;

const wholeQuestion = z.strictObject({ terms: base64(4_096), receipt: base64(2_048), signature: z.string().regex(/^[0-9a-f]{128}$/), question: questionSchema });

export const sealedAnswer = z.strictObject({ answer: base64(16_384) });

/** Of which receipt somebody asks; signed by whoever is asked. */
export interface AskedReceipt {
  terms: Terms;
  receipt: Receipt;
  /** 64 bytes. */
  signature: Uint8Array;
}

const CIPHER = 'chacha20-poly1305';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The two keys of a receipt's questions and answers (HKDF, RFC 5869; RFC 8439). */
export class TraceSeal {
  private readonly keys: Buffer;

  constructor({ responseKey, commitSalt }: Pick<RequestPayload, 'responseKey' | 'commitSalt'>, receiptHash: Uint8Array) {
    this.keys = Buffer.from(hkdfSync('sha256', concatBytes(responseKey, commitSalt), receiptHash, 'open-cocoon trace questions', 64));
  }

  sealQuestion({ terms, receipt, signature }: AskedReceipt, question: Question): Buffer {
    return this.seal(0, Buffer.alloc(0), {
      terms: toCell(encodeTerms(terms)).toBoc().toString('base64'), receipt: toCell(encodeReceipt(receipt)).toBoc().toString('base64'),
      signature: Buffer.from(signature).toString('hex'), question,
    });
  }

  /** @returns null for what was not sealed under this key, or says something else than a question */
  openQuestion(sealed: Uint8Array): (AskedReceipt & { question: Question }) | null {
    try {
      const { terms, receipt, signature, question } = wholeQuestion.parse(this.open(0, Buffer.alloc(0), sealed));
      return {
        terms: decodeTerms(fromCell(Cell.fromBase64(terms))), receipt: decodeReceipt(fromCell(Cell.fromBase64(receipt))), signature: Buffer.from(signature, 'hex'), question,
      };
    } catch {
      return null;
    }
  }

  /** @param question the sealed bytes that it answers: it answers no other */
  sealAnswer(question: Uint8Array, answer: unknown): Buffer {
    return this.seal(1, digest(question), answer);
  }

  /** @throws Error for what was not sealed under this key for this question */
  openAnswer(question: Uint8Array, sealed: Uint8Array): unknown {
    return this.open(1, digest(question), sealed);
  }

  private seal(which: 0 | 1, bound: Buffer, value: unknown): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const plain = Buffer.from(JSON.stringify(value), 'utf8');
    const cipher = createCipheriv(CIPHER, this.keyOf(which), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(bound, { plaintextLength: plain.length });
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  private open(which: 0 | 1, bound: Buffer, sealed: Uint8Array): unknown {
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.keyOf(which), sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(bound, { plaintextLength: end - NONCE_BYTES });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()]);
    return JSON.parse(plain.toString('utf8'));
  }

  private keyOf(which: 0 | 1): Buffer {
    return this.keys.subarray(32 * which, 32 * which + 32);
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
