import { Address, type Cell, type StateInit } from '@ton/core';
import { advanceDevnet, requestFaucet } from '../../cli/client/devnetApi';
import { loadWallet, signTransfer, type Wallet } from '../../cli/client/wallet';
import { WorkerApi } from '../../cli/client/workerApi';
import { Subprocess } from '../../cli/processes';
import {
  buildTerms,
  encodePayload,
  encodeTerms,
  GREEDY_SAMPLING,
  publicRequest,
  sealRequest,
  SEMANTICS,
  termsHash,
  TermsFlag,
  Tier,
  Visibility,
  type RequestPayload,
} from '../../protocol';
import {
  CheckedJobEscrow,
  packCreateCheckedJob,
  ProviderStake,
  requiredCheckedJobValue,
  toCell,
  type JobEscrowTerms,
  type StakeStatus,
} from '../../wrappers';
import { ChainClient, type AccountSnapshot } from '../../worker/chain/chainClient';
import { openEngine, openModel, type LoadedEngine, type LoadedModel } from '../../worker/engine';
import { escrowCodes } from '../../worker/jobs/escrowCheck';
import { loadWorkerKeys, type WorkerKeys } from '../../worker/keys/workerKeys';
import { createLogger } from '../../worker/log';
import { startService, type Service, type ServiceOptions } from '../../worker/service';
import { JobStore } from '../../worker/store/jobStore';
import { DEVNET_ID, TINY_MODEL } from '../support/marketplace';
import { StakedMarket, type Owner } from '../support/stakedMarket';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** A checked job of a person, not yet on chain. */
export interface PersonsJob {
  client: Wallet;
  terms: JobEscrowTerms;
  escrow: CheckedJobEscrow;
  termsCell: Cell;
  request: Uint8Array;
}

export interface JobChanges {
  coverage?: bigint;
  price?: bigint;
  seconds?: number;
  isPublic?: boolean;
  maxTokens?: number;
  stake?: Address;
  terms?: Partial<JobEscrowTerms>;
}

/** A running worker in this process, with its store. */
export interface RunningService extends Service {
  store: JobStore;
  api: WorkerApi;
}

/** A provider with a real stake on a devnet, workers of it in this process, and persons who make checked jobs by hand. */
export class CheckedMarket {
  readonly payout = new Address(0, Buffer.alloc(32, 0x77));
  private readonly services: Service[] = [];
  private readonly processes: Subprocess[] = [];
  private salts = 0;

  private constructor(
    readonly market: StakedMarket,
    readonly owner: Owner,
    readonly keys: WorkerKeys,
    readonly model: LoadedModel,
    readonly engine: LoadedEngine,
    readonly client: Wallet,
  ) {}

  static async open(): Promise<CheckedMarket> {
    const market = await StakedMarket.open();
    const owner = await market.provider(['--amount', '5']);
    const model = openModel(TINY_MODEL);
    const engine = await openEngine(model, 'reference');
    const client = await person(market);
    return new CheckedMarket(market, owner, loadWorkerKeys(owner.folder), model, engine, client);
  }

  get chain(): ChainClient {
    return this.market.chain;
  }

  person(): Promise<Wallet> {
    return person(this.market);
  }

  /** @param store folder of the store, a fresh one by default */
  async serve(changes: Partial<ServiceOptions> = {}, store = this.market.newFolder('store')): Promise<RunningService> {
    const workerKey = this.keys.signingPublic;
    const identity = { networkId: DEVNET_ID, workerKey: Buffer.from(workerKey).toString('hex') };
    const opened = JobStore.open(store, identity);
    const service = await startService({
      chain: new ChainClient({ endpoint: this.market.api, attempts: 2, backoffMillis: 10 }),
      store: opened,
      log: createLogger(process.env.COCOON_TEST_LOG ?? 'silent'),
      keys: this.keys,
      policy: {
        networkId: DEVNET_ID,
        workerKey,
        payout: this.payout,
        tier: 0,
        minPrice: 10_000_000n,
        minSeconds: 30,
        maxSeconds: 86_400,
      },
      stake: new Uint8Array(this.owner.stake.hash),
      model: this.model,
      engine: this.engine,
      escrowCodes: await escrowCodes(),
      maxTokens: 64,
      maxCoverage: 2_000_000_000n,
      host: '127.0.0.1',
      port: 0,
      queueLimit: 4,
      pollSeconds: 0.15,
      lagSeconds: 5,
      ...changes,
    });
    this.services.push(service);
    return { ...service, store: opened, api: new WorkerApi(service.url) };
  }

  /** A worker as a process of its own, with the owner's folder. */
  process(env: NodeJS.ProcessEnv = {}): Subprocess {
    const args = ['worker', '--json', '--port', '0', '--backend', 'reference', '--model', TINY_MODEL];
    const chain = ['--api', this.market.api, '--stake', this.owner.stake.toRawString()];
    const own = ['--data-folder', this.owner.folder, '--payout', this.payout.toRawString()];
    const started = Subprocess.start('worker', [...args, ...chain, ...own], { env });
    this.processes.push(started);
    return started;
  }

  /** The store of that process, while it does not run. */
  ownStore(): JobStore {
    return JobStore.open(this.owner.folder, { networkId: DEVNET_ID, workerKey: this.owner.workerKey });
  }

  async now(): Promise<number> {
    return Math.max(Math.floor(Date.now() / 1000), (await this.chain.getAccount(this.owner.stake)).apiTime);
  }

  async job(changes: JobChanges = {}): Promise<PersonsJob> {
    const { isPublic = false, maxTokens = 4, stake = this.owner.stake, price = 50_000_000n } = changes;
    const payload: RequestPayload = {
      asked: {
        tier: Tier.bonded,
        visibility: isPublic ? Visibility.public : Visibility.sealed,
        flags: TermsFlag.checkKey,
        semantics: SEMANTICS,
        salt: fill(++this.salts, 16),
        modelRoot: this.model.model.modelRoot,
        maxTokens,
        expiresAt: (await this.now()) + (changes.seconds ?? 600),
        promptPrice: 0n,
        outputPrice: 0n,
        coverage: changes.coverage ?? 0n,
        imageHash: fill(0),
      },
      request: { promptTokens: [1, 2, 3], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: 1n, toolsHash: fill(0) },
      responseKey: isPublic ? fill(0) : fill(4),
      commitSalt: isPublic ? fill(0) : fill(5),
    };
    const workerKey = this.keys.signingPublic;
    const parties = { networkId: DEVNET_ID, workerKey, price, client: new Uint8Array(this.client.address.hash) };
    const signed = buildTerms(payload, { ...parties, stake: new Uint8Array(stake.hash) });
    const terms: JobEscrowTerms = {
      networkId: DEVNET_ID,
      deadline: payload.asked.expiresAt,
      price,
      outputCells: 10,
      answerInCallback: false,
      client: this.client.address,
      payout: this.payout,
      workerKey,
      termsHash: termsHash(signed),
      ...changes.terms,
    };
    const escrow = await CheckedJobEscrow.fromTerms(terms, stake);
    const plain = encodePayload(payload);
    const binding = { networkId: DEVNET_ID, escrow: new Uint8Array(escrow.address.hash), seq: 0 };
    const request = isPublic
      ? publicRequest(plain)
      : await sealRequest(plain, this.keys.sealingPublic, { ...binding, termsHash: terms.termsHash });
    return { client: this.client, terms, escrow, termsCell: toCell(encodeTerms(signed)), request };
  }

  /** Posts a job with its money; nobody is told but the stake. */
  async create(job: PersonsJob, acceptance: Cell | null = null, request = job.request): Promise<void> {
    const value = requiredCheckedJobValue(job.terms, await this.chain.networkPrices());
    const body = packCreateCheckedJob({ terms: job.termsCell, acceptance, request });
    await this.send(job.client, { to: job.escrow.address, value, body, init: job.escrow.init });
  }

  async send(from: Wallet, message: { to: Address; value: bigint; body: Cell; init?: StateInit }): Promise<void> {
    const validUntil = (await this.now()) + 60;
    await this.chain.sendExternal(await signTransfer(this.chain, from, { ...message, validUntil }));
  }

  status(): Promise<StakeStatus> {
    return this.chain.query((ton) => ton.open(ProviderStake.fromAddress(this.owner.stake)).getStatus());
  }

  /** What the worker was paid by a job, each time. */
  async payments(escrow: Address): Promise<bigint[]> {
    const found = await this.chain.getTransactions(this.payout, 12);
    return found.flatMap(({ inMessage }) =>
      inMessage?.info.type === 'internal' && inMessage.info.src.equals(escrow) ? [inMessage.info.value.coins] : [],
    );
  }

  /** The devnet, with a lie about one account. */
  lyingChain(address: Address, account: AccountSnapshot): ChainClient {
    const chain = new ChainClient({ endpoint: this.market.api, attempts: 2, backoffMillis: 10 });
    const honest = chain.getAccount.bind(chain);
    chain.getAccount = (asked) => (asked.equals(address) ? Promise.resolve(account) : honest(asked));
    return chain;
  }

  advance(seconds: number): Promise<unknown> {
    return advanceDevnet(this.market.api, seconds);
  }

  async close(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop().catch(() => undefined)));
    await Promise.all(this.processes.map((process) => process.stop(2_000)));
    await this.engine.close();
    await this.market.close();
  }
}

async function person(market: StakedMarket): Promise<Wallet> {
  const wallet = loadWallet(market.newFolder('person'), DEVNET_ID);
  await requestFaucet(market.api, wallet.address, 10_000_000_000n);
  return wallet;
}
