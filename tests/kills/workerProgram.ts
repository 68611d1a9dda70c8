// A whole worker for channels as a process of its own, to be killed: `<JSON of WorkerRole>`. Writes the URL of its endpoint as a line.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Address } from '@ton/core';
import { DEVNET_ID, Tier } from '../../protocol';
import { CHANNEL_PATH } from '../../worker/channels/endpoint';
import { ChannelService } from '../../worker/channels/service';
import { ChannelStore } from '../../worker/channels/store/channelStore';
import { ChainClient } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { unixTime } from '../../worker/jobs/settle';
import { loadClaimKey, loadWorkerKeys } from '../../worker/keys/workerKeys';
import { createLogger } from '../../worker/log';
import { ADMISSION_LIMITS, Admission } from '../../worker/operation/admission';
import { TINY_MODEL } from '../support/marketplace';
import { seededEngine } from './seededEngine';

export interface WorkerRole {
  folder: string;
  api: string;
  /** Hex of the stake's hash part. */
  stake: string;
  payout: string;
  /** nanoTON per million tokens, decimal. */
  promptPrice: string;
  outputPrice: string;
}

async function work({ folder, api, stake, payout, promptPrice, outputPrice }: WorkerRole): Promise<void> {
  const keys = loadWorkerKeys(folder);
  const store = ChannelStore.open(folder, { networkId: DEVNET_ID, workerKey: Buffer.from(keys.signingPublic).toString('hex') }, unixTime());
  const server = createServer();
  const host = {
    chain: new ChainClient({ endpoint: api }), log: createLogger('error'), keys, model: openModel(TINY_MODEL), engine: seededEngine(),
    stake: new Uint8Array(Buffer.from(stake, 'hex')), policy: { networkId: DEVNET_ID, payout: Address.parse(payout), tier: Tier.bonded }, maxTokens: 256, admission: new Admission({ ...ADMISSION_LIMITS, channelRate: 0 }),
  };
  new ChannelService(server, host, {
    store, claimKey: loadClaimKey(folder), promptPrice: BigInt(promptPrice), outputPrice: BigInt(outputPrice), claimSeconds: 1,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.stdout.write(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}\n`);
}

work(JSON.parse(process.argv[2]) as WorkerRole).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
