import { after, before } from 'node:test';
import {
  Address,
  beginCell,
  type Cell,
  contractAddress,
  internal,
  SendMode,
  type StateInit,
  toNano,
} from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { TonClient, WalletContractV4, WalletContractV5R1 } from '@ton/ton';
import { type Devnet, type DevnetOptions, startDevnet } from '../../devnet';

export const START = 1_800_000_000;

/** One devnet for a file's tests, whose clock stands still. */
export function sharedDevnet(options: DevnetOptions = {}): { devnet: Devnet; client: TonClient } {
  const shared = {} as { devnet: Devnet; client: TonClient };
  before(async () => {
    shared.devnet = await startDevnet({ clock: { startSeconds: START }, ...options });
    shared.client = new TonClient({ endpoint: shared.devnet.endpoint });
  });
  after(() => shared.devnet.close());
  return shared;
}

/** An account that nobody has the key of. */
export const strangerOf = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));

/** A contract whose code is a few instructions, in hex, and which takes money. */
export function tinyContract(code: string, data = beginCell().endCell()): { address: Address; init: StateInit } {
  const init = { code: beginCell().storeBuffer(Buffer.from(code, 'hex')).endCell(), data };
  return { address: contractAddress(0, init), init };
}

export const advance = (devnet: Devnet, seconds: number) => call(`${devnet.url}/devnet/advance`, { seconds });

/** Calls a method as JSON-RPC. */
export const rpc = (devnet: Devnet, method: string, params: object) =>
  call(devnet.endpoint, { id: '1', jsonrpc: '2.0', method, params });

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
  init: StateInit;
  /** Signs a payment and sends it. */
  pay(to: Address, value: bigint, init?: StateInit, sendMode?: SendMode): Promise<void>;
  /** A signed payment: body of an external message. */
  sign(seqno: number, to: Address, value: bigint, init?: StateInit, sendMode?: SendMode): Cell;
  send(body: Cell): Promise<void>;
  seqno(): Promise<number>;
}

/** A wallet of either kind that signs for the devnet's network id and works through the HTTP API only. */
export function wallet(client: TonClient, kind: 'v4' | 'v5r1', seed: number): TestWallet {
  const { publicKey, secretKey } = keyPairFromSeed(Buffer.alloc(32, seed));
  const v4 = client.open(WalletContractV4.create({ workchain: 0, publicKey }));
  const v5 = client.open(WalletContractV5R1.create({ publicKey, walletId: { networkGlobalId: 2026 } }));
  const contract = kind === 'v4' ? v4 : v5;
  const { address, init } = contract;
  const own: TestWallet = {
    address,
    init,
    seqno: async () => ((await client.isContractDeployed(address)) ? contract.getSeqno() : 0),
    sign(seqno, to, value, stateInit, sendMode = SendMode.PAY_GAS_SEPARATELY) {
      const messages = [internal({ to, value, init: stateInit, bounce: false })];
      const order = { seqno, secretKey, sendMode, messages, timeout: START + 10 ** 9 };
      return kind === 'v4' ? v4.createTransfer(order) : v5.createTransfer(order);
    },
    send: (body) => contract.send(body),
    pay: async (to, value, stateInit, mode) => own.send(own.sign(await own.seqno(), to, value, stateInit, mode)),
  };
  return own;
}
