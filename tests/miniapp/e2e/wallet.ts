/** The simulated wallet as these tests have it: with money of the devnet, and what it was asked for read as the contract reads it. */
import { Address, Cell, contractAddress, loadStateInit } from '@ton/core';
import { requestFaucet } from '../../../cli/client/devnetApi';
import type { HostConfigInput } from '../../../miniapp/host/config';
import { type SeenRequest, type SimulatedWalletServer, startSimulatedWallet } from '../../../miniapp/host/simulated';
import { type ChannelState, parseChannel } from '../../../wrappers';
import { DEVNET_ID } from '../../support/marketplace';
import { WALLET_NAME } from './page';

export const WALLET_NANO = 20_000_000_000n;

/** What one message of a request deploys. */
export interface Deployed {
  /** Whom the money goes to. */
  to: Address;
  /** nanoTON */
  amount: bigint;
  /** Which address its state has. */
  computed: Address;
  codeHash: string;
  state: ChannelState;
}

export class TestWallet {
  private constructor(private readonly server: SimulatedWalletServer) {}

  static async open(api: string): Promise<TestWallet> {
    const server = await startSimulatedWallet({ endpoint: api, networkId: DEVNET_ID, checksManifest: true });
    await requestFaucet(api, server.wallet.address, WALLET_NANO);
    return new TestWallet(server);
  }

  /** How the page knows it. */
  get entry(): HostConfigInput['wallets'][number] {
    const { bridgeUrl, universalLink } = this.server;
    return { id: 'simulated', name: WALLET_NAME, bridgeUrl, universalLink };
  }

  get address(): Address {
    return this.server.wallet.address;
  }

  get requests(): SeenRequest[] {
    return this.server.wallet.requests;
  }

  get simulated(): SimulatedWalletServer['wallet'] {
    return this.server.wallet;
  }

  get bridge(): SimulatedWalletServer['bridge'] {
    return this.server.bridge;
  }

  reset(): void {
    this.requests.length = 0;
    this.simulated.manner = 'pays';
    this.bridge.postFault = null;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

export function deployedBy({ messages }: SeenRequest): Deployed {
  const [{ address, amount, stateInit }] = messages;
  const init = loadStateInit(Cell.fromBase64(stateInit!).beginParse());
  return {
    to: Address.parse(address), amount: BigInt(amount), computed: contractAddress(0, init), codeHash: init.code!.hash().toString('hex'), state: parseChannel(init.data!),
  };
}
