import { join } from 'node:path';
import { Address } from '@ton/core';
import OpenAI from 'openai';
import { createJob } from '../../cli/client/create';
import { requestFaucet } from '../../cli/client/devnetApi';
import { deployWallet, loadWallet } from '../../cli/client/wallet';
import { NETWORKS } from '../../cli/config/settings';
import { type DemoProvider, Stage, type WorkerReady } from '../../cli/demo/stage';
import { startGateway } from '../../cli/gateway/start';
import { createOutput } from '../../cli/output';
import { Subprocess } from '../../cli/processes';
import { Tier } from '../../protocol';
import { ChainClient } from '../../worker/chain/chainClient';
import { unixTime } from '../../worker/jobs/settle';

export type OperatorReady = WorkerReady & { metricsUrl: string; hasPage: boolean; payout: string; workerKey: string };

/** A devnet with one provider process that earns: by channels, of which some end and one stays open, and by a job. */
export class EarningProvider {
  ready!: OperatorReady;
  provider!: DemoProvider;
  chain!: ChainClient;
  private readonly output = { ...createOutput(true), progress: () => undefined };
  private readonly stage = new Stage(this.output);
  private restarted: Subprocess | null = null;

  static async start(): Promise<EarningProvider> {
    const world = new EarningProvider();
    await world.stage.startDevnet();
    world.chain = new ChainClient({ endpoint: world.stage.endpoint, backoffMillis: 50 });
    world.provider = await world.stage.startProvider('provider', ARGS);
    world.ready = await world.provider.process.next<OperatorReady>();
    await world.stage.join(world.provider, world.ready.url, 2_000_000_000n);
    const { dataFolder } = world.stage.contextOf('client').settings;
    const wallet = loadWallet(dataFolder, NETWORKS.devnet);
    await requestFaucet(world.stage.endpoint, wallet.address, 4_000_000_000n);
    await deployWallet(world.chain, wallet, unixTime() + 60);
    return world;
  }

  /** Data folder of the worker. */
  get folder(): string {
    return this.provider.folder;
  }

  /** Asks over a channel of its own, which is closed or stays open. */
  async ask(name: string, times: number, closes: boolean): Promise<void> {
    let ready = { baseUrl: '', apiKey: '', model: '' };
    const output = { ...this.output, result: (value: unknown) => (ready = value as typeof ready) } as never;
    const context = this.stage.contextOf('client', { port: 0, logLevel: 'silent', dataFolder: join(this.stage.folder, `client-${name}`) });
    const wallet = loadWallet(context.settings.dataFolder, NETWORKS.devnet);
    await requestFaucet(this.stage.endpoint, wallet.address, 1_000_000_000n);
    await deployWallet(this.chain, wallet, unixTime() + 60);
    const stop = await startGateway({ ...context, output }, {
      tier: Tier.bonded, images: [], deposit: 150_000_000n, mostChannels: 1, idleSeconds: 86_400, closesAtEnd: closes, auditRate: 0,
    });
    const client = new OpenAI({ baseURL: ready.baseUrl, apiKey: ready.apiKey, maxRetries: 0 });
    for (let time = 0; time < times; time++) {
      await client.chat.completions.create({ model: ready.model, messages: [{ role: 'user', content: 'happy' }], max_tokens: 60, temperature: 0 });
    }
    await stop();
  }

  /** A job of 0.07 TON; resolves when it was sent. @returns its escrow, `0:<hex>` */
  async job(): Promise<string> {
    const { settings } = this.stage.contextOf('client', { workerUrl: this.ready.url });
    const { job } = await createJob({
      settings, chain: this.chain, progress: () => undefined, prompt: 'a secret prompt', sampling: { temperature: 0, seed: 0 }, maxTokens: 5, deadlineSeconds: 600,
      isPublic: false, withoutStake: true, price: 70_000_000n,
    });
    return Address.parse(job.address).toRawString();
  }

  /** Kills the worker with all that it has in memory. */
  async kill(): Promise<void> {
    const { child } = this.restarted ?? this.provider.process;
    child.kill('SIGKILL');
    await (this.restarted ?? this.provider.process).exitCode;
  }

  /** Starts it again, on the same data. @param env what is set besides */
  async restart(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<OperatorReady> {
    const port = new URL(this.ready.url).port;
    this.restarted = Subprocess.start('provider', [
      'worker', '--json', '--network', 'devnet', '--api', this.stage.endpoint, '--data-folder', this.folder, '--stake', this.provider.stake.toRawString(), '--port', port, ...ARGS, ...args,
    ], { env });
    return (this.ready = await this.restarted.next<OperatorReady>());
  }

  async close(): Promise<void> {
    await this.restarted?.stop();
    await this.stage.close(false);
  }
}

const ARGS = ['--backend', 'wasm', '--output-price', '500', '--metrics-port', '0'];
