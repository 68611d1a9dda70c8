import { readFileSync } from 'node:fs';
import { Address } from '@ton/core';
import { parseQuote } from '../../attest/quote';
import { simulatedPlatformQuote } from '../../attest/simulated/platform';
import { tdxQuote } from '../../attest/tsm';
import { reportDataOf } from '../../protocol';
import type { ChainClient } from '../../worker/chain/chainClient';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { type QuoteFile, quoteFileSchema, storeQuote } from '../../worker/quoteFile';
import { ConfigurationError, UsageError } from '../errors';
import { hex, sameBytes } from './account';

export type { QuoteFile };
export type PlatformName = QuoteFile['platform'];

/**
 * Where the worker is, inside its trust domain: a fresh quote that binds its keys to owner, registry and a recent block.
 * It also lies in the worker's folder from then on, for the worker to serve.
 * @throws AttestationError `attest.tsm.<reason>` outside of a TDX guest, ConfigurationError `config.platform`
 */
export async function makeQuote(
  worker: { folder: string; passphrase: string | undefined },
  place: { networkId: number; registry: Address; owner: Address },
  platform: PlatformName, chain: ChainClient,
): Promise<QuoteFile> {
  const keys = loadWorkerKeys(worker.folder, worker.passphrase);
  const block = await chain.recentBlock();
  const { networkId, registry, owner } = place;
  const reportData = reportDataOf({
    networkId, registry: new Uint8Array(registry.hash), owner: new Uint8Array(owner.hash), workerKey: keys.signingPublic,
    sealingKey: keys.sealingPublic, blockSeqno: block.seqno, blockHash: block.rootHash,
  });
  const { apiTime } = await chain.getAccount(registry);
  const quote = platform === 'tdx' ? await tdxQuote(reportData) : simulatedPlatformQuote(reportData, apiTime);
  if (!sameBytes(parseQuote(quote).body.reportData, reportData)) {
    throw new ConfigurationError('config.platform', 'the platform gave a quote about something else', { expected: hex(reportData) });
  }
  const file: QuoteFile = {
    networkId, registry: registry.toRawString(), owner: owner.toRawString(), workerKey: hex(keys.signingPublic),
    sealingKey: hex(keys.sealingPublic), blockSeqno: block.seqno, blockHash: hex(block.rootHash), platform, quote: quote.toString('hex'),
  };
  storeQuote(worker.folder, file);
  return file;
}

/** @throws UsageError `usage.quote` */
function readQuoteFile(path: string): QuoteFile {
  try {
    return quoteFileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new UsageError('usage.quote', 'cannot read a quote', {
      expected: 'the JSON that `cocoon provider keys quote --json` printed', received: path, cause,
    });
  }
}

/** The same for a network. @throws UsageError `usage.quote`, ConfigurationError `config.platform` */
export function readQuoteFor(network: string, path: string): QuoteFile {
  const file = readQuoteFile(path);
  platformOf(file.platform, network);
  return file;
}

/** @throws ConfigurationError `config.platform`: simulated hardware has no place on a real network */
export function platformOf(text: string, network: string): PlatformName {
  if (text === 'tdx' || (text === 'simulated' && network === 'devnet')) return text;
  throw new ConfigurationError('config.platform', 'this platform cannot attest here', {
    expected: 'tdx; or simulated on a devnet, where it is named so', received: `${text.slice(0, 20)} on ${network}`,
  });
}
