import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Address } from '@ton/core';
import { CocoonError } from '../../protocol/errors';
import { providerStakeAddress } from '../../wrappers';
import { requestFaucet } from '../client/devnetApi';
import { loadWallet } from '../client/wallet';
import { resolveSettings, toSettings } from '../config/resolve';
import { NETWORKS, type SettingName } from '../config/settings';
import type { Context } from '../context';
import { formatTon, type Output } from '../output';
import { Subprocess } from '../processes';
import { initProvider } from '../provider/init';

/** A worker process with its owner. */
export interface DemoProvider {
  name: string;
  folder: string;
  stake: Address;
  process: Subprocess;
}

/** What a worker says when it is ready. */
export interface WorkerReady {
  url: string;
  backend: string;
  adapter: string;
}

/** The processes and folders of a demo; `close` ends and removes all of them. */
export class Stage {
  private readonly processes: Subprocess[] = [];
  private readonly signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  readonly folder = mkdtempSync(join(tmpdir(), 'open-cocoon-demo-'));
  private interrupted = false;
  private api = '';
  private registry = '';

  constructor(private readonly output: Output) {
    this.signals.forEach((signal) => process.once(signal, this.onInterrupt));
  }

  private readonly onInterrupt = (): void => {
    this.interrupted = true;
    this.processes.forEach(({ child }) => child.kill('SIGKILL'));
  };

  get endpoint(): string {
    return this.api;
  }

  /** The devnet's AttestationRegistry. */
  get registryAddress(): string {
    return this.registry;
  }

  /** A subcommand as a process of its own, with a data folder of its own. */
  start(name: string, args: readonly string[], onStderr?: (line: string) => void): Subprocess {
    // The user's own settings must not reach into the demo: it has its own chain, folders and keys.
    const env: NodeJS.ProcessEnv = Object.fromEntries(
      Object.keys(process.env)
        .filter((variable) => variable.startsWith('COCOON_') && !/^COCOON_(GPU|NO_WEBGPU)$/.test(variable))
        .map((variable) => [variable, undefined]),
    );
    const common = ['--json', '--network', 'devnet', '--data-folder', this.folderOf(name)];
    const api = this.api === '' ? [] : ['--api', this.api];
    const started = Subprocess.start(name, [...args, ...api, ...common], { env, onStderr });
    this.processes.push(started);
    return started;
  }

  folderOf(name: string): string {
    return join(this.folder, name.replace(/\W+/g, '-'));
  }

  async startDevnet(): Promise<void> {
    const devnet = this.start('devnet', ['devnet', '--port', '0']);
    const { url, registry } = await devnet.next<{ url: string; registry: string }>();
    this.api = url;
    this.registry = registry;
    this.output.progress(`devnet (simulated chain) answers at ${url}; registry ${registry}`);
  }

  /** An owner with coins, and a worker process that names the owner's stake. */
  async startProvider(name: string, args: readonly string[]): Promise<DemoProvider> {
    const folder = this.folderOf(name);
    const owner = loadWallet(folder, NETWORKS.devnet, undefined, 'owner-ed25519').address;
    const registry = Address.parse(this.registry);
    const stake = await providerStakeAddress({ networkId: NETWORKS.devnet, registry, owner });
    await requestFaucet(this.api, owner, 5_000_000_000n);
    // The worker's own wallet pays for its moves in a dispute.
    await requestFaucet(this.api, loadWallet(folder, NETWORKS.devnet).address, 1_000_000_000n);
    const process = this.start(name, ['worker', '--port', '0', '--stake', stake.toRawString(), ...args]);
    return { name, folder, stake, process };
  }

  /** `cocoon provider init` of an owner whose worker is ready. */
  async join(provider: DemoProvider, url: string, amount: bigint, platform?: 'simulated'): Promise<void> {
    const context = this.contextOf(provider.name);
    const { stake, activeNano } = await initProvider(context, { amount, days: 30, endpoint: url, platform });
    this.output.progress(
      `${provider.name}: stake ${stake} with ${formatTon(activeNano)}, its worker's ${platform ? 'ATTESTED key (SIMULATED platform)' : 'key'} and descriptor`,
    );
  }

  /** What a subcommand of somebody on the stage works with; it says nothing on the way. */
  contextOf(name: string, more: Partial<Record<SettingName, unknown>> = {}): Context {
    const flags = { network: 'devnet', api: this.api, registry: this.registry, dataFolder: this.folderOf(name), ...more };
    const resolved = resolveSettings({ flags, env: {} });
    return { output: { ...this.output, progress: () => undefined }, resolved, settings: toSettings(resolved), passphrase: () => undefined };
  }

  /** What a caught error was really about. */
  reasonOf(error: unknown): unknown {
    return this.interrupted ? new CocoonError('interrupted', 'the demo was stopped') : error;
  }

  async close(keep: boolean): Promise<void> {
    this.signals.forEach((signal) => process.removeListener(signal, this.onInterrupt));
    await Promise.all(this.processes.map((each) => each.stop()));
    if (!keep) rmSync(this.folder, { recursive: true, force: true });
    else this.output.progress(`kept ${this.folder}`);
  }
}
