import { Address, Cell } from '@ton/core';
import { z } from 'zod';
import { acceptanceHash, encodeAcceptance, equalBytes, type Acceptance } from '../../protocol';
import {
  CheckedJobEscrow,
  isKeyUsable,
  packSignedAcceptance,
  parseJobEscrowTerms,
  ProviderStake,
  toCell,
  type JobEscrowTerms,
} from '../../wrappers';
import { freeStake } from '../../wrappers/discovery';
import type { ChainClient } from '../chain/chainClient';
import { RequestError } from '../errors';
import { nodeEd25519 } from '../keys/ed25519';
import { reasonAgainst } from '../jobs/escrowCheck';
import { UnpaidIntake } from '../jobs/intake';
import type { JobContext } from '../jobs/process';
import { openJobRequest } from '../jobs/request';
import { unixTime } from '../jobs/settle';
import { PROMISE_SECONDS } from './window';

/** Most promises that are neither answered nor over, of all senders and of one that were not yet taken. */
export const MAX_OPEN_PROMISES = 32;
export const MAX_UNTAKEN_PER_SENDER = 8;
/** Least seconds in which a client can take a promise. */
const LEAST_SECONDS = 15;
/** Requests that are looked at together: each costs an opening of HPKE and two reads of the chain. */
const AT_ONCE = 8;

/** Longest body: an envelope of 6,096 bytes in base64, and the job. */
export const MAX_ACCEPTANCE_BODY = 16_384;

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/);
const asked = z.strictObject({
  /** Bag of cells: the data of a JobEscrow with these parameters, which a CheckedJobEscrow holds as `job`. */
  job: base64.max(1_024),
  /** The envelope that the create message will carry. */
  request: base64.max(8_192),
});

export interface PromiseOptions {
  context: JobContext;
  /** Most coverage of one job, nanoTON. */
  maxCoverage: bigint;
  /** Whether there is room for another job. */
  hasRoom(): boolean;
}

/** The promise as its client gets it. */
export interface PromiseReply {
  address: string;
  acceptBy: number;
  coverageNano: string;
  /** Bag of cells of the SignedAcceptance. */
  acceptance: string;
}

/**
 * Promises to deliver jobs that do not exist yet. The escrow's address is computed here, from the parameters, the own
 * stake and the contract's code: what is signed names a genuine job of these very terms, whose request was opened and
 * lies on disk, so that the promise can be kept whatever its client does next (attacks 21).
 */
export class Promises {
  private readonly intake = new UnpaidIntake(MAX_OPEN_PROMISES, MAX_UNTAKEN_PER_SENDER);
  private looking = 0;

  constructor(private readonly options: PromiseOptions) {}

  /** @throws RequestError `request.*` */
  async accept(body: unknown, sender: string): Promise<PromiseReply> {
    const { context } = this.options;
    if (context.stake.every((byte) => byte === 0)) {
      throw new RequestError(409, 'request.no-stake', 'this worker has no stake that could stand behind a promise');
    }
    const { terms, request } = readBody(body);
    const { address } = await this.escrowOf(terms);
    const name = address.toRawString();
    const known = this.known(name);
    if (known !== null) return known;
    if (this.looking >= AT_ONCE || !this.options.hasRoom()) throw overloaded();
    if (!this.intake.admit(name, sender)) {
      throw new RequestError(429, 'request.too-many', 'too many promises were not taken yet', {
        expected: `at most ${MAX_UNTAKEN_PER_SENDER} of one sender`,
        hint: 'create the jobs that were promised, or try again in two minutes',
      });
    }
    this.looking++;
    try {
      const coverage = await this.check(terms, address, request);
      return await this.decide(terms, address, request, coverage);
    } catch (error) {
      this.intake.release(name);
      throw error;
    } finally {
      this.looking--;
    }
  }

  /** The job of a promise is on chain, or the promise is over: its sender may ask for another. */
  release(name: string): void {
    this.intake.release(name);
  }

  private async escrowOf(terms: JobEscrowTerms): Promise<CheckedJobEscrow> {
    try {
      return await CheckedJobEscrow.fromTerms(terms, new Address(0, Buffer.from(this.options.context.stake)));
    } catch (cause) {
      throw new RequestError(400, 'request.job', 'no job can have these parameters', { cause });
    }
  }

  /** The stored bytes of a promise; the same request gives the same ones. */
  private known(name: string): PromiseReply | null {
    const { store } = this.options.context;
    const promise = store.promises.get(name);
    if (promise !== null) {
      const { address, acceptBy, coverageNano, signed } = promise;
      return { address, acceptBy, coverageNano: coverageNano.toString(), acceptance: signed.toString('base64') };
    }
    if (store.get(name) === null) return null;
    throw new RequestError(409, 'request.known-job', 'the worker knows this job already and promises nothing for it', {
      received: name,
      hint: 'make another job: every job has a salt of its own',
    });
  }

  /** What needs no chain: the parameters are ours, and the request is theirs and can be answered. */
  private async check(terms: JobEscrowTerms, address: Address, request: Uint8Array): Promise<bigint> {
    const { context, maxCoverage } = this.options;
    const { policy } = context;
    if (terms.networkId !== policy.networkId || !equalBytes(terms.workerKey, policy.workerKey)) {
      throw new RequestError(400, 'request.other-worker', 'the job is for another worker key or network');
    }
    const opened = await openJobRequest({
      envelope: request,
      escrow: new Uint8Array(address.hash),
      terms,
      isChecked: true,
      stake: context.stake,
      keys: context.keys,
      model: context.model,
      tier: policy.tier,
      maxTokens: context.maxTokens,
    });
    if (opened.kind === 'decline') throw notTaken(opened.reason);
    const { coverage } = opened.request.terms;
    if (coverage <= maxCoverage) return coverage;
    throw new RequestError(409, 'request.coverage', 'the worker does not cover a job with so much', {
      expected: `at most ${maxCoverage} nanoTON`,
      received: `${coverage} nanoTON`,
    });
  }

  /** What the chain says now, and the signature; between the last look and the disk nothing is waited for. */
  private async decide(
    terms: JobEscrowTerms,
    address: Address,
    request: Uint8Array,
    coverage: bigint,
  ): Promise<PromiseReply> {
    const { context } = this.options;
    const { store, policy, keys } = context;
    const { status, key, apiTime } = await readOwnStake(context.chain, context.stake, policy.workerKey);
    const name = address.toRawString();
    const known = this.known(name);
    if (known !== null) return known;
    const now = Math.max(unixTime(), apiTime);
    const reason = reasonAgainst(terms, policy, now);
    if (reason !== null) throw notTaken(reason);
    const acceptBy = Math.min(now + PROMISE_SECONDS, terms.deadline - policy.minSeconds);
    if (acceptBy < now + LEAST_SECONDS) {
      throw new RequestError(409, 'request.deadline', 'the deadline is too close for a promise', {
        expected: `at least ${policy.minSeconds + LEAST_SECONDS} seconds`,
        received: `${terms.deadline - now} seconds`,
      });
    }
    if (key === undefined || !isKeyUsable(key, status, terms.deadline)) {
      throw new RequestError(409, 'request.key', 'the stake does not stand for this worker key until the deadline');
    }
    const open = store.promises.open();
    if (open.count >= MAX_OPEN_PROMISES) throw overloaded();
    const free = freeStake(status) - open.coverageNano;
    if (coverage > free) {
      throw new RequestError(409, 'request.coverage', 'the stake has not so much left to cover a job with', {
        expected: `at most ${free > 0n ? free : 0n} nanoTON`,
        received: `${coverage} nanoTON`,
      });
    }
    const { networkId, termsHash } = terms;
    const acceptance: Acceptance = {
      networkId,
      escrow: new Uint8Array(address.hash),
      stake: context.stake,
      termsHash,
      acceptBy,
      coverage,
    };
    const signed = packSignedAcceptance({
      workerKey: policy.workerKey,
      signature: nodeEd25519.sign(acceptanceHash(acceptance), keys.signingSecret),
      acceptance: toCell(encodeAcceptance(acceptance)),
    });
    const promise = {
      address: name,
      acceptBy,
      coverageNano: coverage,
      request: Buffer.from(request),
      signed: signed.toBoc(),
    };
    const job = { deadline: terms.deadline, priceNano: terms.price, termsHash: Buffer.from(termsHash).toString('hex') };
    store.promises.add(promise, job, unixTime());
    context.log.info({ job: name, acceptBy, coverageNano: coverage.toString() }, 'promise stored');
    return this.known(name)!;
  }
}

function readBody(body: unknown): { terms: JobEscrowTerms; request: Uint8Array } {
  const parsed = asked.safeParse(body);
  if (!parsed.success) {
    throw new RequestError(400, 'request.body', 'the body does not ask for a promise', {
      expected: '{"job": "<bag of cells, base64>", "request": "<base64>"}',
    });
  }
  try {
    const terms = parseJobEscrowTerms(Cell.fromBase64(parsed.data.job));
    return { terms, request: new Uint8Array(Buffer.from(parsed.data.request, 'base64')) };
  } catch (cause) {
    throw new RequestError(400, 'request.job', 'these are not the parameters of a job', {
      expected: 'the data cell of a JobEscrow',
      cause,
    });
  }
}

async function readOwnStake(chain: ChainClient, stake: Uint8Array, workerKey: Uint8Array) {
  const address = new Address(0, Buffer.from(stake));
  const contract = ProviderStake.fromAddress(address);
  const status = await chain.query((ton) => contract.getStatus(ton.provider(address)));
  const keys = await chain.query((ton) => contract.getWorkerKeys(ton.provider(address)));
  const { apiTime } = await chain.getAccount(address);
  return { status, key: keys.find((key) => equalBytes(key.workerKey, workerKey)), apiTime };
}

const overloaded = (): RequestError =>
  new RequestError(503, 'request.overloaded', 'the worker has too many jobs', { hint: 'try again later' });

const notTaken = (reason: number): RequestError =>
  new RequestError(409, 'request.not-taken', 'the worker would decline this job', {
    received: `reason ${reason} of docs/protocol.md`,
  });
