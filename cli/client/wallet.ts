import {
  beginCell,
  external,
  internal,
  SendMode,
  storeMessage,
  type Address,
  type Cell,
  type StateInit,
} from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { WalletContractV5R1 } from '@ton/ton';
import { join } from 'node:path';
import { ChainStateError } from '../../worker/errors';
import { sleep, type AccountSnapshot, type ChainClient } from '../../worker/chain/chainClient';
import { loadOrCreateKey, type KeyPurpose } from '../../worker/keys/keyFile';
import { formatTon } from '../output';

/** Kept for the wallet's own fees on top of what a transfer sends, in nanoTON. */
export const WALLET_RESERVE = 20_000_000n;

/** A V5R1 wallet whose 32-byte seed lies in a key file. Its wallet id contains the network id. */
export interface Wallet {
  address: Address;
  contract: WalletContractV5R1;
  secretKey: Buffer;
}

/**
 * Loads `<dataFolder>/keys/wallet-ed25519.json`, creating it at the first use. A provider's stake has an owner wallet
 * of its own, `owner-ed25519.json`: whoever takes over a worker must not have it.
 */
export function loadWallet(
  dataFolder: string,
  networkId: number,
  passphrase?: string,
  purpose: Extract<KeyPurpose, 'wallet-ed25519' | 'owner-ed25519'> = 'wallet-ed25519',
): Wallet {
  const seed = loadOrCreateKey(join(dataFolder, 'keys', `${purpose}.json`), purpose, passphrase);
  const { publicKey, secretKey } = keyPairFromSeed(seed);
  const contract = WalletContractV5R1.create({ publicKey, walletId: { networkGlobalId: networkId } });
  return { address: contract.address, contract, secretKey };
}

/** Whoever signs and pays: a wallet whose key lies in a file, or one that somebody else holds (scripts/). */
export interface Payer {
  address: Address;
  /** The number of its next message. */
  seqno(): Promise<number>;
  /** Signs and sends one transfer. @throws ChainStateError `chain.low-balance` */
  send(transfer: Transfer): Promise<void>;
}

export const payerOf = (chain: ChainClient, wallet: Wallet): Payer => ({
  address: wallet.address,
  seqno: () => walletSeqno(chain, wallet),
  send: async (transfer) => chain.sendExternal(await signTransfer(chain, wallet, transfer)),
});

export interface Transfer {
  to: Address;
  /** nanoTON */
  value: bigint;
  body: Cell;
  init?: StateInit;
  /** Unix time after which the wallet refuses the message. */
  validUntil: number;
  /** The wallet's message number, when the transfer was decided on what the chain showed at that number. */
  seqno?: number;
}

/** Deploys the wallet with an external message of its own, so that a job's fees contain no part of it. */
export async function deployWallet(chain: ChainClient, wallet: Wallet, validUntil: number): Promise<void> {
  const isActive = async (): Promise<boolean> => (await chain.getAccount(wallet.address)).state === 'active';
  if (await isActive()) return;
  const body = wallet.contract.createTransfer({
    seqno: 0,
    secretKey: wallet.secretKey,
    timeout: validUntil,
    sendMode: SendMode.PAY_GAS_SEPARATELY | SendMode.IGNORE_ERRORS,
    messages: [],
  });
  const message = external({ to: wallet.address, init: wallet.contract.init, body });
  await chain.sendExternal(beginCell().store(storeMessage(message)).endCell().toBoc());
  for (let attempt = 0; !(await isActive()); attempt++) {
    if (attempt >= 30)
      throw new ChainStateError('chain.wallet', 'the wallet did not deploy', {
        received: wallet.address.toRawString(),
      });
    await sleep(1_000);
  }
}

/**
 * Signs one transfer and returns the bag of cells of the external message. Nothing is sent: the caller stores the
 * bytes first, so that after a crash the very same message is sent again and the wallet's seqno stops a second payment.
 * @throws ChainStateError `chain.low-balance`
 */
export async function signTransfer(chain: ChainClient, wallet: Wallet, transfer: Transfer): Promise<Buffer> {
  const account = await requireBalance(chain, wallet.address, transfer.value);
  const seqno = transfer.seqno ?? (await walletSeqno(chain, wallet));
  const body = wallet.contract.createTransfer({
    seqno,
    secretKey: wallet.secretKey,
    timeout: transfer.validUntil,
    sendMode: SendMode.PAY_GAS_SEPARATELY,
    messages: [
      internal({ to: transfer.to, value: transfer.value, bounce: true, body: transfer.body, init: transfer.init }),
    ],
  });
  const message = external({
    to: wallet.address,
    init: account.state === 'active' ? undefined : wallet.contract.init,
    body,
  });
  return beginCell().store(storeMessage(message)).endCell().toBoc();
}

/** @throws ChainStateError `chain.low-balance` unless a wallet has `value` and its own fees */
export async function requireBalance(chain: ChainClient, address: Address, value: bigint): Promise<AccountSnapshot> {
  const account = await chain.getAccount(address);
  if (account.balance >= value + WALLET_RESERVE) return account;
  throw new ChainStateError('chain.low-balance', 'the wallet has too little', {
    expected: `at least ${formatTon(value + WALLET_RESERVE)}`,
    received: `${formatTon(account.balance)} on ${address.toString({ bounceable: false })}`,
    hint: 'send TON to this address (devnet: cocoon devnet faucet)',
  });
}

/** The number of the wallet's next message; 0 while it is not deployed. */
export async function walletSeqno(chain: ChainClient, wallet: Wallet): Promise<number> {
  if ((await chain.getAccount(wallet.address)).state !== 'active') return 0;
  return chain.query((ton) => ton.open(wallet.contract).getSeqno());
}
