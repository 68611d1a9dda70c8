import { Cell } from '@ton/core';
import { z } from 'zod';
import type { SignedReceipt } from '../../wrappers';
import { type QuestionBody, sealedAnswer, TRACES_PATH } from '../../worker/cases/traceQuestions';
import { ChainApiError } from '../../worker/errors';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What a worker says about itself at `GET /v1/descriptor`; keys are checked again against the chain's evidence. */
export const descriptorSchema = z.object({
  networkId: z.number().int(),
  workerKey: hash,
  sealingKey: hash,
  stake: hash,
  payout: hash,
  models: z.array(z.object({ root: hash, name: z.string(), minPriceNano: z.string().regex(/^\d+$/).optional() })),
  backend: z.string(),
  adapter: z.string(),
  minPriceNano: z.string().regex(/^\d+$/),
  /** How to open a payment channel; a worker without it serves jobs alone. Amounts per million tokens. */
  channels: z
    .object({
      path: z.string().startsWith('/').max(100),
      claimKey: hash,
      promptPriceNano: z.string().regex(/^\d{1,20}$/),
      outputPriceNano: z.string().regex(/^\d{1,20}$/),
      minCloseDelay: z.number().int().min(1).max(30 * 86_400),
    })
    .optional(),
  limits: z.object({
    maxTokens: z.number().int(),
    contextTokens: z.number().int(),
    minSeconds: z.number().int(),
    maxSeconds: z.number().int(),
    outputCells: z.number().int(),
    /** Most that the stake covers of one job; a worker without it covers nothing. */
    maxCoverageNano: z.string().regex(/^\d+$/).optional(),
  }),
});
export type WorkerDescriptor = z.infer<typeof descriptorSchema>;

/** Reads the bytes of a descriptor. @throws ChainApiError `network.worker-answer` */
export function parseDescriptor(bytes: Uint8Array, from: string): WorkerDescriptor {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw unreadable(`${from}: not JSON`);
  }
  const parsed = descriptorSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw unreadable(parsed.error.issues.map((issue) => issue.path.join('.')).join(', '));
}

const unreadable = (received: string): ChainApiError =>
  new ChainApiError('network.worker-answer', 'the worker gave an answer that cannot be read', {
    received,
    hint: 'worker and client may be of different versions',
  });

export const jobStatusSchema = z.object({
  address: z.string(),
  state: z.string(),
  deadline: z.number().nullable(),
  reason: z.number().nullable(),
  backend: z.string().nullable(),
  adapter: z.string().nullable(),
  millis: z.number().nullable(),
  note: z.string().nullable(),
  /** Bag of cells (base64) of the worker's signed message once it exists; everybody can read it on chain too. */
  external: z.string().nullable(),
});
export type WorkerJobStatus = z.infer<typeof jobStatusSchema>;

const acceptanceSchema = z.object({ acceptance: z.string().max(1_024) });

const receiptSchema = z.object({ receipt: z.string().max(8_192), signature: z.string().max(128) });

/** What a worker said instead of an answer. */
export class WorkerRefusal extends ChainApiError {
  /** Code of its error. */
  readonly reason: string;

  constructor({ code = 'unknown', message = '' }: { code?: string; message?: string }) {
    super('network.worker-refused', 'the worker refused the request', { received: `${code}: ${message}`.slice(0, 200) });
    this.reason = code;
  }
}

/** Client of a worker's HTTP endpoint; every failure is a typed error. */
export class WorkerApi {
  constructor(
    readonly url: string,
    private readonly timeoutMillis = 10_000,
  ) {}

  descriptor(): Promise<WorkerDescriptor> {
    return this.call('GET', '/v1/descriptor', descriptorSchema);
  }

  /** Tells the worker that there is a job for it at `address`; nothing secret is sent. */
  announce(address: string): Promise<WorkerJobStatus> {
    return this.call('POST', '/v1/jobs', jobStatusSchema, { address });
  }

  /** Asks for the promise to deliver a job that does not exist yet: its SignedAcceptance, not yet checked. */
  async accept(job: Cell, request: Uint8Array): Promise<Cell> {
    const body = { job: job.toBoc().toString('base64'), request: Buffer.from(request).toString('base64') };
    const { acceptance } = await this.call('POST', '/v1/acceptances', acceptanceSchema, body);
    try {
      return Cell.fromBase64(acceptance);
    } catch {
      throw unreadable('an acceptance that is not a bag of cells');
    }
  }

  status(address: string): Promise<WorkerJobStatus> {
    return this.call('GET', `/v1/jobs/${address}`, jobStatusSchema);
  }

  /** The receipt that the worker says it signed for this job, or null when it shows none; not to be trusted. */
  async receipt(address: string): Promise<SignedReceipt | null> {
    const found = await this.call('GET', `/v1/jobs/${address}/receipt`, receiptSchema).catch((error: unknown) => {
      if (error instanceof ChainApiError && error.code === 'network.worker-refused') return null;
      throw error;
    });
    if (found === null) return null;
    try {
      const signature = Buffer.from(found.signature, found.signature.length === 128 ? 'hex' : 'base64');
      return { receipt: Cell.fromBase64(found.receipt), signature: new Uint8Array(signature) };
    } catch {
      throw unreadable('a receipt that is not a bag of cells');
    }
  }

  /** Asks what the worker holds of a trace (worker/cases/traceQuestions.ts). @returns sealed bytes */
  async trace(body: QuestionBody): Promise<Uint8Array> {
    const { answer } = await this.call('POST', TRACES_PATH, sealedAnswer, body);
    return Buffer.from(answer, 'base64');
  }

  private async call<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    let response: Response;
    let json: unknown;
    try {
      // The worker may be behind a path of its host: the URL's own path stays.
      response = await fetch(`${this.url.replace(/\/+$/, '')}${path}`, {
        method,
        redirect: 'error',
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(this.timeoutMillis),
      });
      json = JSON.parse(await readText(response));
    } catch (cause) {
      throw new ChainApiError('network.worker-unreachable', 'cannot reach the worker', {
        received: this.url,
        hint: 'check --worker-url, and that the worker runs',
        cause,
      });
    }
    const error = (json as { error?: { code?: string; message?: string } } | null)?.error;
    if (typeof error === 'object') throw new WorkerRefusal(error);
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      throw unreadable(parsed.error.issues.map((issue) => issue.path.join('.')).join(', '));
    }
    return parsed.data;
  }
}

/** Longest answer of a worker that is read, bytes: an answer of the largest job takes a few hundred thousand. */
const MAX_ANSWER_BYTES = 4_194_304;

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`more than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
