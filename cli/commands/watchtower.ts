import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { CaseWatch, Defender, RequestVault } from '../../worker/cases';
import { ChainClient } from '../../worker/chain/chainClient';
import { openForClaiming } from '../../worker/channels/store/claimingCopy';
import { openModel } from '../../worker/engine';
import { unixTime } from '../../worker/jobs/settle';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { createLogger } from '../../worker/log';
import { JobStore } from '../../worker/store/jobStore';
import { movePayer } from '../challenge/movePayer';
import { basechainAddress } from '../client/registry';
import { contextOf, withSettings } from '../context';
import { ConfigurationError } from '../errors';
import { stopSignal } from './worker';

/** `cocoon watchtower`: answers disputes for a worker that is not running. */
export function watchtowerCommand(): Command {
  return withSettings(new Command('watchtower'), ['model', 'stake', 'logLevel', 'logFile'])
    .description("answer disputes for a worker that does not run, from its data folder or a copy of it, until stopped; serves nothing")
    .action(async (options: Record<string, unknown>) => {
      const { settings, output, passphrase } = contextOf(options);
      if (settings.stake === undefined) {
        throw new ConfigurationError('config.stake', 'a watchtower needs the stake that it watches', { expected: '--stake ADDRESS', received: 'none' });
      }
      const secret = passphrase();
      const log = createLogger(settings.logLevel, settings.logFile);
      const keys = loadWorkerKeys(settings.dataFolder, secret);
      const workerKey = Buffer.from(keys.signingPublic).toString('hex');
      const store = JobStore.open(settings.dataFolder, { networkId: settings.networkId, workerKey });
      const channelsFile = join(settings.dataFolder, 'channels.db');
      const channels = existsSync(channelsFile) ? openForClaiming(channelsFile) : undefined;
      try {
        const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
        await chain.checkNetwork(settings.networkId);
        const { send, pollSeconds } = await movePayer(settings, chain, secret, log);
        const stake = basechainAddress('stake', settings.stake);
        const defender = new Defender({
          chain, store, log, model: openModel(settings.model).model, keys, vault: new RequestVault(keys.signingSecret), networkId: settings.networkId,
          stake: new Uint8Array(stake.hash), send, now: unixTime, channelRequest: (channel, seq) => channels?.read.request(channel, seq)?.request ?? null,
        });
        output.result({ workerKey, stake: stake.toRawString() }, `watches the stake ${stake.toRawString()} for worker ${workerKey}`);
        const stopping = new AbortController();
        void stopSignal().then(() => stopping.abort());
        await new CaseWatch({ defender, pollSeconds, log, signal: stopping.signal }).run();
      } finally {
        channels?.close();
        store.close();
      }
    });
}
