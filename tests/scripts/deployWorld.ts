import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyPairFromSeed, mnemonicToPrivateKey } from '@ton/crypto';
import { TonClient, WalletContractV4 } from '@ton/ton';
import type { Address } from '@ton/core';
import { makeClaim, type ClaimFile } from '../../cli/provider/claim';
import { requestFaucet } from '../../cli/client/devnetApi';
import { startDevnet, type Devnet } from '../../devnet';
import { openDeployment, type Blueprint, type Deployment } from '../../scripts/deploy/deployment';
import { ProviderStake } from '../../wrappers';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { ChainClient } from '../../worker/chain/chainClient';
import { DEVNET_ID } from '../support/marketplace';

/** Of a wallet that is used nowhere else. */
export const MNEMONIC =
  'unfold sugar water drift mango vessel pelican brick amount gather shield voyage ' +
  'lemon crystal orbit kidney fabric planet velvet anchor tunnel rescue spoon galaxy';
const ROOT = join(__dirname, '../..');
const BLUEPRINT = join(ROOT, 'node_modules/@ton/blueprint/dist/cli/cli.js');
const MODEL_ROOT = '11'.repeat(32);

export interface Run {
  status: number;
  stdout: string;
  stderr: string;
}

/** A devnet, two funded deployers, a worker's keys and its descriptor; scripts run as processes or in this one. */
export class DeployWorld {
  private served = '';
  private readonly server: Server = createServer((_, response) => response.end(this.served));

  private constructor(
    readonly devnet: Devnet,
    readonly folder: string,
    readonly chain: ChainClient,
    /** Deploys by processes. */
    readonly mnemonicOwner: Address,
    /** Deploys in this process. */
    readonly owner: Address,
    private readonly blueprint: Blueprint & { lines: string[] },
  ) {}

  static async open(): Promise<DeployWorld> {
    const devnet = await startDevnet({ registry: true });
    const { publicKey } = await mnemonicToPrivateKey(MNEMONIC.split(' '));
    const mnemonicOwner = WalletContractV4.create({ workchain: 0, publicKey }).address;
    const blueprint = blueprintOf(devnet.endpoint);
    const owner = blueprint.sender().address!;
    for (const address of [mnemonicOwner, owner]) await requestFaucet(devnet.endpoint, address, 20_000_000_000n);
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-deploy-'));
    const chain = new ChainClient({ endpoint: devnet.endpoint, attempts: 2, backoffMillis: 10 });
    const world = new DeployWorld(devnet, folder, chain, mnemonicOwner, owner, blueprint);
    await new Promise<void>((resolve) => world.server.listen(0, '127.0.0.1', resolve));
    return world;
  }

  /** `blueprint run` as a process of its own. */
  run(script: string, env: NodeJS.ProcessEnv, type = 'custom', wallet = '--mnemonic'): Promise<Run> {
    const network = ['--custom', this.devnet.endpoint, '--custom-version', 'v2', '--custom-type', type];
    const args = [BLUEPRINT, 'run', script, ...network, wallet];
    const options = { cwd: ROOT, env: { ...process.env, ...WALLET, ...env }, timeout: 120_000 };
    return new Promise((resolve) => {
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  }

  /** A script in this process; gives what it printed. */
  async call(
    body: (deployment: Deployment) => Promise<void>,
    env: NodeJS.ProcessEnv,
    network: ReturnType<Blueprint['network']> = 'custom',
  ): Promise<string> {
    this.blueprint.lines.length = 0;
    await body(await this.deployment(env, network));
    return this.blueprint.lines.join('\n');
  }

  deployment(env: NodeJS.ProcessEnv, network: ReturnType<Blueprint['network']> = 'custom'): Promise<Deployment> {
    return openDeployment({ ...this.blueprint, network: () => network }, { COCOON_DATA_FOLDER: this.folder, ...env });
  }

  async stakeOf(registry: Address, owner: Address): Promise<Address> {
    return (await ProviderStake.fromOwner({ networkId: DEVNET_ID, registry, owner })).address;
  }

  /** A claim of this world's worker, in a file, perhaps altered. */
  claim(stake: Address, change: Partial<ClaimFile> = {}): string {
    const endUnix = Math.floor(Date.now() / 1000) + 100 * 86_400;
    const claim = makeClaim(join(this.folder, 'worker'), undefined, { networkId: DEVNET_ID, stake, endUnix });
    return this.file('claim', { ...claim, ...change });
  }

  file(name: string, content: object): string {
    const path = join(this.folder, `${name}-${Math.random()}.json`);
    writeFileSync(path, JSON.stringify(content));
    return path;
  }

  /** Where the worker serves its descriptor, which is that of one stake. */
  endpoint(stake: Address): string {
    const keys = loadWorkerKeys(join(this.folder, 'worker'));
    const descriptor = {
      networkId: DEVNET_ID,
      workerKey: Buffer.from(keys.signingPublic).toString('hex'),
      sealingKey: Buffer.from(keys.sealingPublic).toString('hex'),
      stake: stake.hash.toString('hex'),
      payout: '77'.repeat(32),
      models: [{ root: MODEL_ROOT, name: 'tiny' }],
      backend: 'reference',
      adapter: 'none',
      minPriceNano: '10000000',
      limits: { maxTokens: 256, contextTokens: 128, minSeconds: 30, maxSeconds: 86_400, outputCells: 40 },
    };
    this.served = JSON.stringify(descriptor);
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Parameters of a bounty that this world's worker takes. */
  bounty(registry: Address, provider: Address): Record<string, unknown> {
    return {
      registry: registry.toRawString(),
      provider: provider.toRawString(),
      payout: `0:${'77'.repeat(32)}`,
      workerKey: Buffer.from(loadWorkerKeys(join(this.folder, 'worker')).signingPublic).toString('hex'),
      price: 0.01,
      modelRoot: MODEL_ROOT,
      stopToken: 1,
      winningToken: 300,
      fund: '1.5',
    };
  }

  balance(address: Address): Promise<bigint> {
    return this.chain.getAccount(address).then((account) => account.balance);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await this.devnet.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const WALLET = { WALLET_MNEMONIC: MNEMONIC, WALLET_VERSION: 'v4' };

/** What the scripts need of Blueprint, with a wallet of this process. */
function blueprintOf(endpoint: string): Blueprint & { lines: string[] } {
  const client = new TonClient({ endpoint });
  const { publicKey, secretKey } = keyPairFromSeed(Buffer.alloc(32, 21));
  const wallet = client.open(WalletContractV4.create({ workchain: 0, publicKey }));
  const lines: string[] = [];
  return {
    lines,
    network: () => 'custom',
    api: () => client,
    sender: () => ({ ...wallet.sender(secretKey), address: wallet.address }),
    ui: () => ({ write: (line) => void lines.push(line) }),
  };
}
