import { Address } from '@ton/core';
import { checkJob, type ExactModel } from '../../exact';
import {
  buildTerms,
  encodePayload,
  encodeTerms,
  publicRequest,
  sealRequest,
  termsHash,
  Tier,
  type JobContext,
} from '../../protocol';
import {
  CheckedJobEscrow,
  JobEscrow,
  packCreateCheckedJob,
  packCreateJob,
  requiredCheckedJobValue,
  requiredJobValue,
  toCell,
  type JobEscrowTerms,
} from '../../wrappers';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { ChainStateError } from '../../worker/errors';
import { generationOf, outputCellsFor } from '../../worker/jobs/request';
import type { Settings } from '../config/resolve';
import { UsageError } from '../errors';
import { formatTon } from '../output';
import { ARRIVAL_SECONDS, askPromise } from './checked';
import { chooseWorker } from './chooseWorker';
import { checkDescriptor, defaultPrice } from './descriptorCheck';
import { loadJob, saveJob, type JobFile } from './jobFile';
import { findEnd } from './wait';
import { loadWallet, requireBalance, signTransfer } from './wallet';
import { makePayload, type Question } from './payload';
import { WorkerApi } from './workerApi';

/** A revocation ends an attested job within this time (attacks 50), as the stake demands of checked ones. */
const MAX_ATTESTED_SECONDS = 3600;

export interface ClientOptions {
  settings: Settings;
  chain: ChainClient;
  passphrase?: string;
  progress: (line: string) => void;
}

export interface CreateOptions extends ClientOptions, Question {
  /** nanoTON; the worker's lowest price when undefined. */
  price?: bigint;
  deadlineSeconds: number;
  /** Stake or owner; else the worker of the settings' workerUrl; else the best one that the chain knows. */
  provider?: string;
  /** Take a worker that has no stake. */
  withoutStake: boolean;
}

export interface CreatedJob {
  job: JobFile;
  worker: WorkerApi;
}

/**
 * Makes a request, seals it to the worker, writes everything that opens the answer durably, and only then sends the
 * money. Returns when the escrow is on chain and the worker knows of it.
 */
export async function createJob(options: CreateOptions): Promise<CreatedJob> {
  const { settings, chain, progress } = options;
  if (options.withoutStake && options.isChecked === true) {
    throw new UsageError('usage.checked', 'a checked job asks the stake of its worker', {
      expected: 'no --without-stake together with --checked or --coverage',
    });
  }
  if (options.tier === Tier.attested && (options.withoutStake || options.deadlineSeconds > MAX_ATTESTED_SECONDS)) {
    throw new UsageError('usage.tier', 'an attested job needs a key on chain, and lasts an hour at most', {
      expected: `no --without-stake, and --deadline up to ${MAX_ATTESTED_SECONDS}`, received: `${options.deadlineSeconds} seconds`,
    });
  }
  await chain.checkNetwork(settings.networkId);
  const { model, stopTokens } = openModel(settings.model);
  const wallet = loadWallet(settings.dataFolder, settings.networkId, options.passphrase);
  const now = await chainNow(chain, settings, wallet.address);
  const deadline = now + options.deadlineSeconds;
  const modelRoot = hex(model.modelRoot);
  const { url, descriptor, sealingKey, provider, imageHash } = await chooseWorker({
    ...options,
    deadline,
    modelRoot,
    checkDescriptor: (seen) => checkDescriptor(seen, modelRoot, options),
  });
  const worker = new WorkerApi(url);
  const price = options.price ?? defaultPrice(descriptor, modelRoot);
  const payload = makePayload(options, model, stopTokens, deadline, imageHash);
  const parties: JobContext = {
    networkId: settings.networkId,
    client: new Uint8Array(wallet.address.hash),
    stake: bytes(descriptor.stake),
    workerKey: bytes(descriptor.workerKey),
    price,
  };
  const signedTerms = buildTerms(payload, parties);
  const hash = termsHash(signedTerms);
  const terms: JobEscrowTerms = {
    networkId: settings.networkId,
    deadline: payload.asked.expiresAt,
    price,
    outputCells: outputCellsFor(options.maxTokens, !options.isPublic),
    answerInCallback: false,
    client: wallet.address,
    payout: new Address(0, Buffer.from(descriptor.payout, 'hex')),
    workerKey: bytes(descriptor.workerKey),
    termsHash: hash,
  };
  const stake = new Address(0, Buffer.from(descriptor.stake, 'hex'));
  const isChecked = options.isChecked === true;
  const escrow = isChecked ? await CheckedJobEscrow.fromTerms(terms, stake) : await JobEscrow.fromTerms(terms);
  const binding = {
    networkId: settings.networkId,
    escrow: new Uint8Array(escrow.address.hash),
    seq: 0,
    termsHash: hash,
  };
  checkJob(model.config, generationOf(payload, binding.escrow));
  const plain = encodePayload(payload);
  const envelope = options.isPublic ? publicRequest(plain) : await sealRequest(plain, sealingKey, binding);
  const prices = await chain.networkPrices();
  const value = isChecked ? requiredCheckedJobValue(terms, prices) : requiredJobValue(terms, prices);
  await requireBalance(chain, wallet.address, value);
  const { coverage } = options;
  const promise =
    coverage === undefined
      ? null
      : await askPromise(worker, { escrow: escrow.address, stake, terms, coverage, request: envelope }, now);
  const acceptance = promise?.acceptance ?? null;
  const createMessage = await signTransfer(chain, wallet, {
    to: escrow.address,
    value,
    body: isChecked
      ? packCreateCheckedJob({ terms: toCell(encodeTerms(signedTerms)), acceptance, request: envelope })
      : packCreateJob(envelope),
    init: escrow.init,
    validUntil: Math.min(terms.deadline, now + 120, (promise?.acceptBy ?? Infinity) - ARRIVAL_SECONDS),
  });
  const job: JobFile = {
    version: 1,
    address: escrow.address.toRawString(),
    networkId: settings.networkId,
    workerUrl: url,
    createdAt: now,
    escrow: {
      deadline: terms.deadline,
      priceNano: price.toString(),
      outputCells: terms.outputCells,
      client: hex(wallet.address.hash),
      payout: descriptor.payout,
      workerKey: descriptor.workerKey,
      termsHash: hex(hash),
    },
    model: modelRoot,
    valueNano: value.toString(),
    payload: hex(plain),
    stake: descriptor.stake,
    hasStake: provider !== null,
    ...(isChecked && {
      checked: {
        coverageNano: (coverage ?? 0n).toString(),
        ...(acceptance !== null && { acceptance: acceptance.toBoc().toString('hex') }),
      },
    }),
    prompt: options.prompt,
    createMessage: createMessage.toString('hex'),
    state: 'prepared',
  };
  saveJob(settings.dataFolder, job);
  progress(
    `request of ${envelope.length} bytes ${options.isPublic ? '(public)' : 'sealed to the worker'}; job ${job.address}`,
  );
  if (promise !== null) progress(`the worker promised to deliver, ${formatTon(coverage!)} of its stake behind it`);
  progress(`${formatTon(price)} for the answer and ${formatTon(value - price)} for fees and rent go into escrow`);
  return { job: await submitJob({ ...options, worker }, job), worker };
}

/**
 * Brings a prepared job on chain and tells the worker; does nothing for one that is further. Sends only the message
 * that was signed when the job was prepared, so that it is paid for once whatever happens.
 * @throws ChainStateError `chain.not-created`
 */
export async function submitJob(options: ClientOptions & { worker: WorkerApi }, job: JobFile): Promise<JobFile> {
  const { settings, chain, progress, worker } = options;
  if (job.state !== 'prepared') {
    if (job.state === 'created')
      await worker.announce(job.address).catch(() => progress('the worker does not answer now'));
    return job;
  }
  const escrow = Address.parse(job.address);
  const message = Buffer.from(job.createMessage, 'hex');
  for (let attempt = 0; ; attempt++) {
    if (attempt % 20 === 0)
      await chain
        .sendExternal(message)
        .catch((error: unknown) => attempt > 0 || isRefused(error) || Promise.reject(error));
    const account = await chain.getAccount(escrow);
    if (account.state === 'active' || (await findEnd(chain, job)) !== null) break;
    if (account.apiTime > job.createdAt + 120 || attempt >= 200) {
      throw new ChainStateError('chain.not-created', 'the job did not come on chain', {
        received: job.address,
        hint: 'look whether the wallet has enough; nothing was paid unless the job shows up: cocoon job resume',
      });
    }
    await sleep(settings.network === 'devnet' ? 200 : 2_000);
  }
  const created: JobFile = { ...loadJob(settings.dataFolder, job.address), state: 'created' };
  saveJob(settings.dataFolder, created);
  progress('the escrow is on chain');
  await worker.announce(job.address);
  return created;
}

const isRefused = (error: unknown): boolean => (error as { code?: string }).code === 'chain.external-refused';

/** @throws UsageError `usage.unknown-model` when the job or worker has another model than this client */
export function checkModelRoot(model: ExactModel, root: string): void {
  if (hex(model.modelRoot) === root) return;
  throw new UsageError('usage.unknown-model', 'this client has another model', {
    expected: root,
    received: hex(model.modelRoot),
    hint: 'give --model FILE',
  });
}

/** How far the API's time may be ahead of the clock: the money is locked until a deadline that is counted from it. */
const MAX_CLOCK_SECONDS = 120;

/**
 * The clock; on a devnet, which may be ahead, the later of it and the chain's time.
 * @throws ChainStateError `chain.clock`
 */
async function chainNow(chain: ChainClient, settings: Settings, account: Address): Promise<number> {
  const { apiTime } = await chain.getAccount(account);
  const clock = Math.floor(Date.now() / 1000);
  if (settings.network !== 'devnet' && apiTime > clock + MAX_CLOCK_SECONDS) {
    throw new ChainStateError('chain.clock', 'the API is ahead of the clock of this machine', {
      expected: `at most ${MAX_CLOCK_SECONDS} seconds`,
      received: `${apiTime - clock} seconds`,
      hint: 'set the clock, or choose another --api',
    });
  }
  return Math.max(clock, apiTime);
}

const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
