import { z } from 'zod';
import { ChainApiError } from '../../worker/errors';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What a worker says about itself at `GET /v1/descriptor`; keys are checked again against the chain's evidence. */
export const descriptorSchema = z.object({
  networkId: z.number().int(),
  workerKey: hash,
  sealingKey: hash,
  stake: hash,
  payout: hash,
  models: z.array(z.object({ root: hash, name: z.string() })),
  backend: z.string(),
  adapter: z.string(),
  minPriceNano: z.string().regex(/^\d+$/),
  limits: z.object({
    maxTokens: z.number().int(),
    contextTokens: z.number().int(),
    minSeconds: z.number().int(),
    maxSeconds: z.number().int(),
    outputCells: z.number().int(),
  }),
});
export type WorkerDescriptor = z.infer<typeof descriptorSchema>;

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

  status(address: string): Promise<WorkerJobStatus> {
    return this.call('GET', `/v1/jobs/${address}`, jobStatusSchema);
  }

  private async call<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    let response: Response;
    let json: unknown;
    try {
      response = await fetch(new URL(path, this.url), {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(this.timeoutMillis),
      });
      json = await response.json();
    } catch (cause) {
      throw new ChainApiError('network.worker-unreachable', 'cannot reach the worker', {
        received: this.url,
        hint: 'check --worker-url, and that the worker runs',
        cause,
      });
    }
    const error = (json as { error?: { code?: string; message?: string } } | null)?.error;
    if (typeof error === 'object') {
      throw new ChainApiError('network.worker-refused', 'the worker refused the request', {
        received: `${error.code ?? 'unknown'}: ${error.message ?? ''}`.slice(0, 200),
      });
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      throw new ChainApiError('network.worker-answer', 'the worker gave an answer that cannot be read', {
        received: parsed.error.issues.map((issue) => issue.path.join('.')).join(', '),
        hint: 'worker and client may be of different versions',
      });
    }
    return parsed.data;
  }
}
