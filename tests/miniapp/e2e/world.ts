/** All that a page talks to, on this machine: a devnet, two APIs of it, an attested (SIMULATED platform) and a bonded provider, relay, host, and a wallet behind a real bridge. */
import { join } from 'node:path';
import { beginCell, toNano } from '@ton/core';
import { internal } from '@ton/sandbox';
import { simulatedImageHash } from '../../../attest/simulated/platform';
import { startRelay } from '../../../cli/commands/relay';
import { advanceDevnet } from '../../../cli/client/devnetApi';
import { resolveSettings, toSettings } from '../../../cli/config/resolve';
import type { Context } from '../../../cli/context';
import { createOutput } from '../../../cli/output';
import { type HostConfigInput, parseHostConfig } from '../../../miniapp/host/config';
import { openHost, type RunningHost } from '../../../miniapp/host/server';
import { OP_REVOKE_IMAGE } from '../../../wrappers';
import { SHIPPED_MODEL } from '../../../worker/engine';
import { TINY_MODEL } from '../../support/marketplace';
import { type Owner, StakedMarket } from '../../support/stakedMarket';
import { ChainApi } from './chainApi';
import { Hop } from './hop';
import { TestWallet } from './wallet';


/** The shipped model answers in a line; the random one in as many chunks as it is allowed, of nonsense. */
export type ModelName = 'shipped' | 'random';
const MODELS: Record<ModelName, string> = { shipped: SHIPPED_MODEL, random: TINY_MODEL };

/** TON per million tokens. */
const PRICES = ['--prompt-price', '100', '--output-price', '200'];
/** nanoTON that a channel is opened with. */
export const DEPOSIT = 500_000_000n;

export interface WorldProvider {
  owner: Owner;
  /** In front of its worker. */
  hop: Hop;
}

export interface WorldOptions {
  model?: ModelName;
  /** Who there is; both unless said otherwise. */
  tiers?: readonly ('attested' | 'bonded')[];
  change?: Partial<HostConfigInput>;
}

export class World {
  apis!: readonly [ChainApi, ChainApi];
  attested!: WorldProvider;
  bonded!: WorldProvider;
  host!: RunningHost;
  wallet!: TestWallet;
  /** In front of the relay, which is honest itself. */
  relay!: Hop;
  private readonly ends: (() => unknown)[] = [];

  private constructor(readonly market: StakedMarket, readonly model: string) {}

  static async open({ model = 'shipped', tiers = ['attested', 'bonded'], change = {} }: WorldOptions = {}): Promise<World> {
    const world = new World(await StakedMarket.open({ attestation: true }), MODELS[model]);
    world.ends.push(() => world.market.close());
    try {
      const base = new URL('/', world.market.api).href;
      world.apis = [await ChainApi.open('Operator One (simulated)', base), await ChainApi.open('Operator Two (simulated)', base)];
      world.apis.forEach((api) => world.ends.push(() => api.close()));
      for (const tier of tiers) world[tier] = await world.provider(tier);
      world.wallet = await TestWallet.open(world.market.api);
      world.ends.push(() => world.wallet.close());
      world.host = await openHost({ host: '127.0.0.1', port: 0, config: async (origin) => {
        world.relay = await world.relayFor(origin);
        return world.config(origin, world.relay.url, change);
      } });
      world.ends.push(() => world.host.close());
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** Honest everywhere, nothing recorded. */
  reset(): void {
    this.apis.forEach((api) => api.reset());
    [this.attested?.hop, this.bonded?.hop, this.relay].forEach((hop) => hop?.reset());
    this.wallet.reset();
  }

  /** One more provider. @param key how its key is made known: attested by a SIMULATED platform, or bonded */
  async provider(tier: 'attested' | 'bonded', args: readonly string[] = [], days = 30): Promise<WorldProvider> {
    const { market } = this;
    const owner = await market.owner();
    const url = await market.worker(owner, ['--backend', 'wasm', '--model', this.model, '--tier', tier, ...PRICES, ...args]);
    const hop = await Hop.open(url);
    this.ends.push(() => hop.close());
    const platform = tier === 'attested' ? ['--platform', 'simulated'] : [];
    await market.result(owner, 'init', '--registry', market.registry.toRawString(), '--amount', '2', '--days', String(days), '--endpoint', hop.url, ...platform);
    return { owner, hop };
  }

  /** The guardian of the registry takes the image of the simulated platform out of force. */
  async revokeImage(): Promise<void> {
    const { blockchain } = this.market.devnet;
    const { address } = await blockchain.treasury('devnet faucet');
    const body = beginCell().storeUint(OP_REVOKE_IMAGE, 32).storeUint(0, 64).storeBuffer(simulatedImageHash()).endCell();
    await blockchain.sendMessage(internal({ from: address, to: this.market.registry, value: toNano('1'), bounce: true, body }));
  }

  /** The devnet's clock; the page's is Visitor.page.clock. */
  async later(seconds: number): Promise<void> {
    await advanceDevnet(this.market.api, seconds);
  }

  async close(): Promise<void> {
    for (const end of this.ends.reverse()) await end();
  }

  /** Another page of the same world, that is told something else. */
  async anotherHost(change: Partial<HostConfigInput>): Promise<RunningHost> {
    const host = await openHost({ host: '127.0.0.1', port: 0, config: async (origin) => this.config(origin, (await this.relayFor(origin)).url, change) });
    this.ends.push(() => host.close());
    return host;
  }

  private config(origin: string, relay: string, change: Partial<HostConfigInput>): ReturnType<typeof parseHostConfig> {
    const [one, two] = this.apis;
    return parseHostConfig({
      origin, network: 'devnet', registry: this.market.registry.toRawString(), relay, apis: [{ name: one.name, url: one.url }, { name: two.name, url: two.url }],
      models: [{ file: this.model }], quoteRoot: 'simulated', deposit: String(DEPOSIT), wallets: [this.wallet.entry], ...change,
    });
  }

  /** A relay for pages of one origin, and whoever stands in front of it. */
  private async relayFor(origin: string): Promise<Hop> {
    let ready = { url: '' };
    const flags = { network: 'devnet', api: this.market.api, registry: this.market.registry.toRawString(), dataFolder: join(this.market.folder, 'relay'), port: 0, logLevel: 'silent' };
    const resolved = resolveSettings({ flags, env: {} });
    const output = { ...createOutput(true), progress: () => undefined, result: (value: unknown) => (ready = value as typeof ready) } as Context['output'];
    const stop = await startRelay({ output, resolved, settings: toSettings(resolved), passphrase: () => undefined }, { origin: [origin] });
    this.ends.push(stop);
    const hop = await Hop.open(ready.url);
    this.ends.push(() => hop.close());
    return hop;
  }
}
