import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createJob, type CreateOptions } from '../../cli/client/create';
import { loadWallet } from '../../cli/client/wallet';
import { requestFaucet } from '../../cli/commands/devnet';
import { resolveSettings, toSettings, type Settings } from '../../cli/config/resolve';
import { Subprocess } from '../../cli/processes';
import { ChainClient } from '../../worker/chain/chainClient';

/** A small random model, so that computing takes no time. */
export const TINY_MODEL = join(__dirname, '../../exact/vectors/grouped.cocoon');
export const DEVNET_ID = 2026;

export interface RunningWorker {
  process: Subprocess;
  url: string;
  workerKey: string;
  payout: string;
  folder: string;
}

/** A devnet in its own process, with workers and funded clients; everything ends with `close`. */
export class Marketplace {
  private readonly processes: Subprocess[] = [];
  private count = 0;

  private constructor(
    readonly folder: string,
    readonly api: string,
    readonly chain: ChainClient,
  ) {}

  static async open(): Promise<Marketplace> {
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-market-'));
    const devnet = Subprocess.start('devnet', [
      'devnet',
      '--port',
      '0',
      '--json',
      '--data-folder',
      join(folder, 'devnet'),
    ]);
    const { url } = await devnet.next<{ url: string }>();
    const market = new Marketplace(folder, url, new ChainClient({ endpoint: url, backoffMillis: 50 }));
    market.processes.push(devnet);
    return market;
  }

  newFolder(name: string): string {
    return join(this.folder, `${name}-${this.count++}`);
  }

  /** Starts a subcommand that ends with the market. */
  start(name: string, args: readonly string[], env?: NodeJS.ProcessEnv): Subprocess {
    const started = Subprocess.start(name, args, { env });
    this.processes.push(started);
    return started;
  }

  /** Starts a worker process; with `folder` of an earlier one it is a restart. */
  async worker(
    options: { folder?: string; env?: NodeJS.ProcessEnv; args?: string[]; api?: string } = {},
  ): Promise<RunningWorker> {
    const folder = options.folder ?? this.newFolder('worker');
    const args = [
      'worker',
      '--json',
      '--api',
      options.api ?? this.api,
      '--port',
      '0',
      '--backend',
      'reference',
      '--model',
      TINY_MODEL,
    ];
    const process = this.start('worker', [...args, '--data-folder', folder, ...(options.args ?? [])], options.env);
    const { url, workerKey, payout } = await process.next<{ url: string; workerKey: string; payout: string }>();
    return { process, url, workerKey, payout, folder };
  }

  /** Settings of a client with its own data folder and 5 TON. */
  async client(workerUrl: string, flags: object = {}): Promise<Settings> {
    const dataFolder = this.newFolder('client');
    const settings = toSettings(
      resolveSettings({
        flags: { dataFolder, api: this.api, workerUrl, model: TINY_MODEL, maxTokens: 5, ...flags },
        env: {},
      }),
    );
    await requestFaucet(this.api, loadWallet(dataFolder, DEVNET_ID).address, 5_000_000_000n);
    return settings;
  }

  /** Creates a job and returns without waiting for its answer. */
  createJob(settings: Settings, changes: Partial<CreateOptions> = {}): ReturnType<typeof createJob> {
    return createJob({
      settings,
      chain: this.chain,
      progress: () => undefined,
      prompt: 'a secret prompt',
      sampling: { temperature: 0, seed: 0 },
      maxTokens: settings.maxTokens,
      deadlineSeconds: 600,
      isPublic: false,
      withoutStake: true,
      ...changes,
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop(2_000)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Polls until `look` gives something else than null or undefined. */
export async function eventually<T>(
  look: () => Promise<T | null | undefined> | T | null | undefined,
  seconds = 30,
): Promise<T> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    if (Date.now() > until) throw new Error(`did not happen within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
