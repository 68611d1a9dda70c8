import type { Address } from '@ton/core';
import type { Blockchain } from '@ton/sandbox';
import { DEVNET_ID } from '../protocol/constants';
import { Chain, type ClockSource } from './chain';
import { DevnetError } from './errors';
import { DevnetServer } from './server';

export interface DevnetOptions {
  /** 0 chooses a free one. */
  port?: number;
  /** Stays on this machine unless told otherwise. */
  host?: string;
  /** Written to configuration parameter 19; the ids of real networks are refused. */
  networkId?: number;
  clock?: ClockSource;
  /** Deploys an AttestationRegistry of the devnet's bank, so that providers can be found. */
  registry?: boolean;
  /** What the faucet has at first. */
  bankNano?: bigint;
  /** SIMULATED attestation is in force in its registry. */
  attestation?: boolean;
  /** Called with lines for a log. */
  log?: (line: string) => void;
}

export interface Devnet {
  /** For TonClient and Blueprint's --custom. */
  endpoint: string;
  url: string;
  networkId: number;
  /** Its AttestationRegistry; null unless asked for. */
  registry: Address | null;
  /** The sandbox itself, for tests in the same process. */
  blockchain: Blockchain;
  close(): Promise<void>;
}

export type { ClockSource } from './chain';
export { DevnetError } from './errors';

/** Starts a simulated TON network behind the toncenter v2 HTTP API. @throws DevnetError */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { port = 0, host = '127.0.0.1', networkId = DEVNET_ID, clock = 'real', log = () => undefined } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DevnetError('config.port', 'this is not a port', { expected: '0 to 65535', received: String(port) });
  }
  const chain = await Chain.create({ networkId, clock, bankNano: options.bankNano });
  const registry = options.registry === true ? await chain.deployRegistry() : null;
  if (options.attestation === true) await chain.simulateAttestation();
  const server = new DevnetServer(chain, log);
  const url = `http://${host}:${await server.listen(host, port)}`;
  return {
    endpoint: `${url}/api/v2/jsonRPC`,
    url,
    networkId,
    registry,
    blockchain: chain.blockchain,
    close: () => server.close(),
  };
}
