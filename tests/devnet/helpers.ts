import { type Address, internal, SendMode, type StateInit, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed } from '@ton/crypto';
import { TonClient, WalletContractV4, WalletContractV5R1 } from '@ton/ton';
import { type ClockSource, type Devnet, startDevnet } from '../../devnet';

export const START = 1_800_000_000;

export async function withDevnet(
  run: (devnet: Devnet, client: TonClient) => Promise<void>,
  clock: ClockSource = { startSeconds: START },
): Promise<void> {
  const devnet = await startDevnet({ clock });
  try {
    await run(devnet, new TonClient({ endpoint: devnet.endpoint }));
  } finally {
    await devnet.close();
  }
}

/** POSTs (or GETs, without a body) and returns status and parsed body. */
export async function call(url: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(
    url,
    body === undefined ? undefined : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) },
  );
  return { status: response.status, body: await response.json() };
}

export const fund = (devnet: Devnet, address: Address, amount = toNano('5')) =>
  call(`${devnet.url}/devnet/faucet`, { address: address.toString(), amountNano: amount.toString() });

export interface TestWallet {
  address: Address;
  pay(to: Address, value: bigint, init?: StateInit): Promise<void>;
  seqno(): Promise<number>;
}

/** A wallet of either kind that signs for the devnet's network id and works through the HTTP API only. */
export function wallet(client: TonClient, kind: 'v4' | 'v5r1', seed: number): TestWallet {
  const key: KeyPair = keyPairFromSeed(Buffer.alloc(32, seed));
  const contract =
    kind === 'v4'
      ? client.open(WalletContractV4.create({ workchain: 0, publicKey: key.publicKey }))
      : client.open(WalletContractV5R1.create({ publicKey: key.publicKey, walletId: { networkGlobalId: 2026 } }));
  return {
    address: contract.address,
    seqno: async () => ((await client.isContractDeployed(contract.address)) ? contract.getSeqno() : 0),
    async pay(to, value, init) {
      const seqno = (await client.isContractDeployed(contract.address)) ? await contract.getSeqno() : 0;
      const messages = [internal({ to, value, init, bounce: false })];
      await contract.sendTransfer({
        seqno,
        secretKey: key.secretKey,
        messages,
        sendMode: SendMode.PAY_GAS_SEPARATELY,
        timeout: START + 10 ** 8,
      });
    },
  };
}
