/** Who acts on a proof job, and with what. */
import type { Transaction } from '@ton/core';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { loadWallet, payerOf, type Payer } from '../client/wallet';
import type { Context } from '../context';
import { type CircuitOptions, type KnownCircuit, openCircuit } from './circuitFiles';

export interface ZkSession extends KnownCircuit {
  chain: ChainClient;
  wallet: Payer;
  networkId: number;
  pollMillis: number;
  progress: (line: string) => void;
}

export async function openSession({ settings, output, passphrase }: Context, options: CircuitOptions): Promise<ZkSession> {
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  return {
    ...(await openCircuit(options, settings.networkId)), chain, wallet: payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, passphrase())),
    networkId: settings.networkId, pollMillis: settings.network === 'devnet' ? 50 : 3_000, progress: (line) => output.progress(line),
  };
}

/** Looks at the wallet's incoming messages again and again until one is it. @param turn what else to do each time */
export async function waitForMessage<T>(
  { chain, wallet, pollMillis }: ZkSession, since: number, read: (transaction: Transaction) => T | null, turn: () => Promise<void> = async () => undefined,
): Promise<{ found: T; transaction: Transaction }> {
  for (;;) {
    const transaction = await chain.findTransaction(wallet.address, since, (one) => read(one) !== null);
    if (transaction !== null) return { found: read(transaction)!, transaction };
    await turn();
    await sleep(pollMillis);
  }
}
