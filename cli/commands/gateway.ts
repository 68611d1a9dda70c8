import type { Address } from '@ton/core';
import { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import { type ModelCard, openGateway } from '../../gateway';
import { isExact, Tier, toHex } from '../../protocol';
import { channelPhase, parseChannel } from '../../wrappers';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { nodeEd25519 } from '../../worker/jobs/answer';
import { unixTime } from '../../worker/jobs/settle';
import { createLogger } from '../../worker/log';
import { openServedModel } from '../../worker/upstream/modelCard';
import { channelWith } from '../client/channel';
import { chooseWorker } from '../client/chooseWorker';
import { checkDescriptor } from '../client/descriptorCheck';
import { requestFaucet } from '../client/devnetApi';
import { deployWallet, loadWallet } from '../client/wallet';
import { NETWORKS } from '../config/settings';
import { contextOf, withSettings, type Context } from '../context';
import { Stage, type WorkerReady } from '../demo/stage';
import { parseTon } from '../numbers';
import { formatTon } from '../output';
import { stopSignal } from './worker';

const SETTINGS = ['model', 'workerUrl', 'registry', 'host', 'port', 'logLevel', 'logFile'] as const;
/** Seconds for which the worker's key has to be good when a channel is opened. */
const KEY_SECONDS = 3_600;
/** What OpenAI clients get that say nothing of the length. */
const DEFAULT_TOKENS = 1_024;
const CLOSE_ATTEMPTS = 70;

/** `cocoon gateway`: an OpenAI-compatible endpoint on this machine whose answers are bought over a payment channel. */
export function gatewayCommand(): Command {
  return withSettings(new Command('gateway'), SETTINGS)
    .description('serve the OpenAI API on this machine; answers are bought from a provider over a payment channel')
    .option('--deposit <TON>', 'what a new channel holds', '0.5')
    .option('--close', 'close the channel at the end: the provider is paid and the rest comes back')
    .option('--provider <address>', 'stake or owner of the provider; else the best one of the registry')
    .action(async (options: Record<string, unknown>) => {
      const stop = await startGateway(contextOf(options), options as unknown as GatewayFlags);
      await stopSignal();
      await stop();
    })
    .addCommand(demoCommand());
}

interface GatewayFlags {
  deposit: string;
  close?: boolean;
  provider?: string;
}

/** Chooses a provider, opens or finds the channel, listens, and prints where. Returns what stops it. */
async function startGateway({ output, settings, passphrase }: Context, flags: GatewayFlags): Promise<() => Promise<void>> {
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const loaded = openServedModel(settings.model);
  const { config, tokenizer, modelRoot } = loaded.model;
  const root = toHex(modelRoot);
  const progress = (line: string): void => output.progress(line);
  // Nobody can compute the answers of a model card again, so no stake stands for them.
  const tier = isExact(config.semantics) ? Tier.bonded : Tier.attested;
  const worker = await chooseWorker({
    settings, chain, progress, provider: flags.provider, withoutStake: false, deadline: unixTime() + KEY_SECONDS, modelRoot: root, tier,
    checkDescriptor: (descriptor) => checkDescriptor(descriptor, root, { settings, maxTokens: 1 }),
  });
  const client = { settings, chain, passphrase: passphrase(), progress };
  const channel = await channelWith(client, worker, parseTon('--deposit', flags.deposit));
  const offer = worker.descriptor.channels!;
  const card: ModelCard = {
    id: loaded.name, createdSeconds: unixTime(), ownedBy: `stake ${worker.provider!.stake.toRawString()}`, modelRoot, tokenizer,
    contextTokens: config.context, vocabularySize: config.vocab, semantics: config.semantics,
    facts: { tier: tier === Tier.bonded ? 'bonded' : 'attested', promptPriceNano: offer.promptPriceNano, outputPriceNano: offer.outputPriceNano, channel: channel.address.toRawString() },
  };
  const store = ClientStore.open(join(settings.dataFolder, 'channels', 'client.db'));
  const backend = new ChannelBackend(card, {
    networkId: settings.networkId, channel: new Uint8Array(channel.address.hash), url: socketUrl(worker.url, offer.path),
    workerKey: Buffer.from(worker.descriptor.workerKey, 'hex'), sealingKey: worker.sealingKey, sign: channel.sign, ed25519: nodeEd25519,
    client: new Uint8Array(channel.terms.client.hash), stake: new Uint8Array(channel.terms.stake.hash), tier, imageHash: worker.imageHash,
    promptPrice: BigInt(offer.promptPriceNano), outputPrice: BigInt(offer.outputPriceNano), budget: channel.budget,
  }, store);
  // Handed out at each start and kept nowhere: whoever reads the output of this command may call it.
  const apiKey = randomBytes(24).toString('base64url');
  const defaultMaxTokens = Math.min(DEFAULT_TOKENS, worker.descriptor.limits.maxTokens);
  const log = createLogger(settings.logLevel, settings.logFile);
  const gateway = await openGateway({ backend, log, host: settings.host, port: settings.port, settings: { apiKey, defaultMaxTokens } });
  output.result(
    { baseUrl: gateway.url, apiKey, model: card.id, channel: channel.address.toRawString() },
    [
      `OpenAI API at ${gateway.url}, key ${apiKey}, model ${card.id}`,
      ...(tier === Tier.bonded ? ['THE PROVIDER READS PROMPTS: its key is bonded, not attested'] : []),
      `paid from channel ${channel.address.toRawString()}, at most ${formatTon(channel.budget)} in all`,
    ].join('\n'),
  );
  return async () => {
    await gateway.close();
    if (flags.close === true) {
      await backend.finish();
      progress(`asked the provider to close channel ${channel.address.toRawString()}`);
      const ended = await waitForClose(chain, channel.address);
      progress(ended ? 'the channel is closed: the provider is paid, the rest came back' : 'the channel is not closed yet; it closes when the provider claims');
    }
    await backend.close();
    store.close();
  };
}

/** Whether a channel ends within a minute, the time between two rounds of a worker's claims. */
async function waitForClose(chain: ChainClient, address: Address): Promise<boolean> {
  for (let attempt = 0; attempt < CLOSE_ATTEMPTS; attempt++) {
    const { data } = await chain.getAccount(address);
    if (data === null || channelPhase(parseChannel(data), unixTime()) === 'ended') return true;
    await sleep(1_000);
  }
  return false;
}

/** The worker's channel endpoint: its URL with ws for http, and the path behind its own. */
function socketUrl(url: string, path: string): string {
  return `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${path}`;
}

/** `cocoon gateway demo`: a devnet, a provider and its worker as processes, and a gateway that buys from it, until SIGTERM. */
function demoCommand(): Command {
  return withSettings(new Command('demo'), ['model', 'backend'])
    .description('a simulated chain, a provider and a gateway; prints where the OpenAI API is and runs until it is stopped')
    .action(async (_: unknown, command: Command) => {
      // The command above has the same options, and takes them from wherever they stand.
      const { output, settings } = contextOf(command.optsWithGlobals());
      const stage = new Stage(output);
      try {
        await stage.startDevnet();
        const model = settings.model === undefined ? [] : ['--model', settings.model];
        const provider = await stage.startProvider('provider', ['--backend', settings.backend, ...model]);
        const { url, backend, adapter } = await provider.process.next<WorkerReady>();
        output.progress(`worker answers at ${url}, computes with ${backend} on ${adapter}`);
        await stage.join(provider, url, 2_000_000_000n);
        const context = stage.contextOf('client', { model: settings.model, port: 0, logLevel: 'warn' });
        const chain = new ChainClient({ endpoint: stage.endpoint });
        const wallet = loadWallet(context.settings.dataFolder, NETWORKS.devnet);
        await requestFaucet(stage.endpoint, wallet.address, 2_000_000_000n);
        await deployWallet(chain, wallet, unixTime() + 60);
        const stopped = stopSignal();
        const stop = await startGateway({ ...context, output }, { deposit: '0.5' });
        await stopped;
        await stop();
      } catch (error) {
        throw stage.reasonOf(error);
      } finally {
        await stage.close(false);
      }
    });
}
