import { toNano } from '@ton/core';
import type { NetworkProvider } from '@ton/blueprint';

/**
 * Sends a small transfer from the deployer's wallet to itself and waits until the wallet's sequence number has risen:
 * shows that Blueprint, a wallet and an API work together. Runs on devnet, testnet and mainnet alike (docs/devnet.md).
 */
export async function run(provider: NetworkProvider): Promise<void> {
  const sender = provider.sender();
  const address = sender.address;
  if (!address) throw new Error('no wallet: set WALLET_MNEMONIC and WALLET_VERSION, or connect one');
  const before = (await provider.provider(address).getState()).last?.lt ?? 0n;
  await sender.send({ to: address, value: toNano('0.01'), bounce: false });
  for (let attempt = 0; attempt < 60; attempt++) {
    const { last, balance } = await provider.provider(address).getState();
    if ((last?.lt ?? 0n) > before) {
      provider.ui().write(`transfer landed: ${address.toString()} holds ${balance} nanoTON`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('the transfer did not land within 30 seconds');
}
