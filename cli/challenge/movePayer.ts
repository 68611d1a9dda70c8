import type { DefenderOptions } from '../../worker/cases';
import type { ChainClient } from '../../worker/chain/chainClient';
import type { Logger } from '../../worker/log';
import { OrderedWallet } from '../client/orderedWallet';
import { loadWallet } from '../client/wallet';
import type { Settings } from '../config/resolve';
import { formatTon } from '../output';

/** What a wallet should hold for each case that may be open at a time (docs/slashing.md), nanoTON. */
const CASE_FEES = 600_000_000n;

/** The wallet of the data folder, which pays for a worker's moves, and how often to look for cases. */
export async function movePayer(
  { dataFolder, networkId, network }: Settings, chain: ChainClient, passphrase: string | undefined, log: Logger,
): Promise<Pick<DefenderOptions, 'send'> & { pollSeconds: number }> {
  const isDevnet = network === 'devnet';
  const wallet = loadWallet(dataFolder, networkId, passphrase);
  const { balance } = await chain.getAccount(wallet.address);
  if (balance < CASE_FEES) {
    const amounts = { wallet: wallet.address.toString({ bounceable: false }), balance: formatTon(balance), needs: formatTon(CASE_FEES) };
    log.warn(amounts, 'the wallet of this data folder cannot pay for the moves of a dispute: whoever is silent for 8 hours loses it');
  }
  const ordered = new OrderedWallet(chain, wallet, isDevnet ? 50 : 2_000);
  return { send: (move) => ordered.send(move), pollSeconds: isDevnet ? 0.2 : 30 };
}
