import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '@ton/core';
import { startDevnet, type Devnet } from '../../devnet';
import { createJob, type CreatedJob, type CreateOptions } from '../../cli/client/create';
import { finishJob, type JobReport } from '../../cli/client/finish';
import { loadWallet } from '../../cli/client/wallet';
import { requestFaucet } from '../../cli/client/devnetApi';
import { resolveSettings, toSettings, type Settings } from '../../cli/config/resolve';
import { Subprocess } from '../../cli/processes';
import { ProviderStake } from '../../wrappers';
import { ChainClient } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { cocoon, type Run } from './cocoon';
import { DEVNET_ID, TINY_MODEL } from './marketplace';

/** An owner with a data folder; its worker keys lie in the same folder. */
export interface Owner {
  folder: string;
  wallet: Address;
  stake: Address;
  workerKey: string;
  sealingKey: string;
}

/** A devnet with a registry in this process, and provider commands that run in this process too. */
export class StakedMarket {
  private count = 0;
  private readonly servers: Server[] = [];
  private readonly processes: Subprocess[] = [];

  private constructor(
    readonly devnet: Devnet,
    readonly folder: string,
    readonly chain: ChainClient,
  ) {}

  static async open(options: { attestation?: boolean } = {}): Promise<StakedMarket> {
    const devnet = await startDevnet({ registry: true, ...options });
    const chain = new ChainClient({ endpoint: devnet.endpoint, attempts: 2, backoffMillis: 10 });
    return new StakedMarket(devnet, mkdtempSync(join(tmpdir(), 'cocoon-staked-')), chain);
  }

  get api(): string {
    return this.devnet.endpoint;
  }

  get registry(): Address {
    return this.devnet.registry!;
  }

  newFolder(name: string): string {
    return join(this.folder, `${name}-${this.count++}`);
  }

  /** An owner with some TON and no stake yet. */
  async owner(nano = 10_000_000_000n): Promise<Owner> {
    const folder = this.newFolder('owner');
    const wallet = loadWallet(folder, DEVNET_ID, undefined, 'owner-ed25519').address;
    const { address } = await ProviderStake.fromOwner({ networkId: DEVNET_ID, registry: this.registry, owner: wallet });
    const keys = loadWorkerKeys(folder);
    if (nano > 0n) await requestFaucet(this.api, wallet, nano);
    const text = (key: Uint8Array): string => Buffer.from(key).toString('hex');
    return {
      folder,
      wallet,
      stake: address,
      workerKey: text(keys.signingPublic),
      sealingKey: text(keys.sealingPublic),
    };
  }

  /** An owner who ran `provider init`. */
  async provider(args: string[] = []): Promise<Owner> {
    const owner = await this.owner();
    const run = await this.run(owner, 'init', ...args);
    if (run.status !== 0) throw new Error(run.stderr);
    return owner;
  }

  /** `cocoon provider ...` of an owner, with --json. */
  run(owner: Pick<Owner, 'folder'>, ...args: string[]): Promise<Run> {
    return cocoon(['provider', ...args, '--api', this.api, '--data-folder', owner.folder, '--json']);
  }

  /** The same; fails unless it succeeds, and gives the result. */
  async result<T = Record<string, unknown>>(owner: Pick<Owner, 'folder'>, ...args: string[]): Promise<T> {
    const run = await this.run(owner, ...args);
    if (run.status !== 0) throw new Error(`cocoon provider ${args.join(' ')}: ${run.stderr}`);
    return JSON.parse(run.stdout) as T;
  }

  balance(address: Address): Promise<bigint> {
    return this.chain.getAccount(address).then((account) => account.balance);
  }

  /** Something that serves a descriptor and nothing else; `change` may alter it at any time. */
  async endpoint(owner: Owner, change: object = {}): Promise<{ url: string; serve(change: object): void }> {
    let served = { ...descriptorOf(owner), ...change };
    const server = createServer((_, response) => response.end(`${JSON.stringify(served)}\n`));
    const url = await this.listen(server);
    return { url, serve: (next) => void (served = { ...served, ...next }) };
  }

  /** A worker process with the keys of `owner`, named in its terms by the owner's stake. */
  async worker(owner: Owner, more: string[] = []): Promise<string> {
    const args = [
      'worker',
      '--json',
      '--api',
      this.api,
      '--port',
      '0',
      '--backend',
      'reference',
      '--model',
      TINY_MODEL,
    ];
    const stake = ['--stake', owner.stake.toRawString(), '--data-folder', owner.folder];
    const process = Subprocess.start('worker', [...args, ...stake, ...more]);
    this.processes.push(process);
    return (await process.next<{ url: string }>()).url;
  }

  /** A server in front of a worker that may change what it says, or say it all itself. */
  async proxy(target: string, change: (path: string, reply: object, status: number) => object): Promise<string> {
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const headers = { 'content-type': 'application/json' };
      const init = { method: request.method, headers, body: body === '' ? undefined : body };
      const reply = await fetch(new URL(request.url!, target), init);
      const changed = change(request.url!, (await reply.json()) as object, reply.status);
      response.writeHead('error' in changed ? reply.status : 200, headers).end(JSON.stringify(changed));
    });
    return this.listen(server);
  }

  /** Settings of a client with 5 TON. */
  async client(flags: object = {}): Promise<Settings> {
    const dataFolder = this.newFolder('client');
    const own = { dataFolder, api: this.api, model: TINY_MODEL, maxTokens: 4 };
    await requestFaucet(this.api, loadWallet(dataFolder, DEVNET_ID).address, 5_000_000_000n);
    return toSettings(resolveSettings({ flags: { ...own, ...flags }, env: {} }));
  }

  /** Creates a job; progress lines are added to `lines`. */
  createJob(settings: Settings, changes: Partial<CreateOptions> = {}, lines: string[] = []): Promise<CreatedJob> {
    return createJob({
      settings,
      chain: this.chain,
      progress: (line) => void lines.push(line),
      prompt: 'a secret prompt',
      sampling: { temperature: 0, seed: 0 },
      maxTokens: settings.maxTokens,
      deadlineSeconds: 600,
      isPublic: false,
      withoutStake: false,
      ...changes,
    });
  }

  /** Waits for the answer, checks it, and reports what is to be reported. */
  finishJob(settings: Settings, created: CreatedJob, report: boolean): Promise<JobReport> {
    const options = { settings, chain: this.chain, progress: () => undefined, rerun: false, report };
    return finishJob({ ...options, ...created });
  }

  private async listen(server: Server): Promise<string> {
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop(2_000)));
    this.servers.forEach((server) => (server.closeAllConnections(), server.close()));
    await this.devnet.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a worker with the keys of `owner` says of itself. */
export function descriptorOf(owner: Owner): object {
  const root = Buffer.from(openModel(TINY_MODEL).model.modelRoot).toString('hex');
  return {
    networkId: DEVNET_ID,
    workerKey: owner.workerKey,
    sealingKey: owner.sealingKey,
    stake: owner.stake.hash.toString('hex'),
    payout: '77'.repeat(32),
    models: [{ root, name: 'tiny' }],
    backend: 'reference',
    adapter: 'none',
    minPriceNano: '10000000',
    limits: { maxTokens: 256, contextTokens: 128, minSeconds: 30, maxSeconds: 86_400, outputCells: 40 },
  };
}
