import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Address, Cell } from '@ton/core';
import { CocoonError } from '../../protocol/errors';
import { writeKeyRecord } from '../../protocol/zk';
import { checkDeployment } from '../../scripts/checkDeployment';
import { checkMnemonic, requirePublished } from '../../scripts/deploy/deployment';
import { parameterVariable, PARAMETER_NAMES } from '../../scripts/deploy/parameters';
import { payerOf } from '../../scripts/deploy/payer';
import { deployBounty } from '../../scripts/deployBounty';
import { deployProvider } from '../../scripts/deployProvider';
import { deployRegistry } from '../../scripts/deployRegistry';
import { deployVerifier } from '../../scripts/deployVerifier';
import { checkRegistry } from '../../scripts/deploy/registry';
import { CODE_HASHES } from '../../wrappers';
import { readProvider } from '../../wrappers/discovery';
import { historyOf } from '../../cli/client/registry';
import { keyOf, trapdoorOf } from '../support/groth16Simulator';
import { DeployWorld, MNEMONIC, type Run } from './deployWorld';

let world: DeployWorld;
before(async () => void (world = await DeployWorld.open()));
after(() => world.close());

const NOWHERE = `0:${'ab'.repeat(32)}`;
const addressIn = (printed: string): Address => Address.parse(/^.*address\s+(0:[0-9a-f]{64}),/m.exec(printed)![1]);

function succeeded({ status, stdout, stderr }: Run): string {
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

/** Expects that a script is refused with a code and that the deployer lost nothing. */
async function refused(code: string, body: Parameters<DeployWorld['call']>[0], env: NodeJS.ProcessEnv): Promise<void> {
  const before = await world.balance(world.owner);
  await assert.rejects(world.call(body, env), (error: CocoonError) => {
    assert.equal(error.code, code, error.message);
    return true;
  });
  assert.equal(await world.balance(world.owner), before, code);
}

describe('deployment scripts', { concurrency: true }, () => {
  it('as Blueprint processes deploy registry, provider and bounty, which a stranger then checks', async () => {
    const registry = addressIn(succeeded(await world.run('deployRegistry', { COCOON_RENT: '0.6' })));
    const stake = await world.stakeOf(registry, world.mnemonicOwner);
    const provider = succeeded(
      await world.run('deployProvider', {
        COCOON_REGISTRY: registry.toRawString(),
        COCOON_CLAIM: world.claim(stake),
        COCOON_AMOUNT: '1.5',
        COCOON_ENDPOINT: world.endpoint(stake),
      }),
    );
    assert.ok(addressIn(provider).equals(stake));
    const { status, keys } = await readProvider(historyOf(world.chain), stake);
    assert.deepEqual([status.active, keys.length], [1_500_000_000n, 1]);

    const file = world.file('bounty', world.bounty(registry, world.mnemonicOwner));
    const bounty = addressIn(succeeded(await world.run('deployBounty', { COCOON_PARAMETERS: file })));
    const named = { COCOON_REGISTRY: registry, COCOON_STAKE: stake, COCOON_BOUNTY: bounty };
    const env = Object.fromEntries(Object.entries(named).map(([name, address]) => [name, address.toRawString()]));
    const checked = succeeded(await world.run('checkDeployment', env, 'custom', '--deeplink'));
    for (const name of ['AttestationRegistry', 'ProviderStake', 'JudgedBounty'] as const) {
      assert.ok(checked.includes(CODE_HASHES[name]), `${name}: ${checked}`);
    }
    assert.equal(checked.match(/checked +code hash, parameters and get-methods/g)?.length, 3);
    assert.doesNotMatch(checked, /warning(?! +governor and guardian)/);
  });

  it('as a process refuses a chain that is not the network named, without a stack trace', async () => {
    // A build machine sets CI; a pipe stays without colours all the same.
    const { status, stdout, stderr } = await world.run('deployRegistry', { CI: 'true' }, 'testnet');
    assert.equal(status, 5);
    assert.match(stderr, /^error chain\.wrong-network: .*\n  expected: network -3 .*\n  received: network 2026 /m);
    assert.doesNotMatch(stdout + stderr, /^\s+at /m);
  });

  it('call a registry of the SIMULATED root a fault on every network but a devnet', async () => {
    const registry = world.devnet.registry!; // a devnet makes it so
    const here = await world.deployment({});
    const onTestnet = { ...here, settings: { ...here.settings, network: 'testnet' as const } };
    assert.deepEqual((await checkRegistry(here, registry)).faults, []);
    assert.match((await checkRegistry(onTestnet, registry)).faults.join(), /SIMULATED root and prove nothing/);
  });

  it('deploy once, and say so when they are run again; bad parameters cost nothing', async () => {
    const governed = { COCOON_GUARDIAN: NOWHERE, COCOON_BUILDERS: `${'01'.repeat(32)}, ${'02'.repeat(32)}` };
    const registryEnv = { ...governed, COCOON_THRESHOLD: '2' };
    await refused('BAD_GOVERNANCE', deployRegistry, { ...governed, COCOON_THRESHOLD: '3' });
    await refused('chain.low-balance', deployRegistry, { ...registryEnv, COCOON_RENT: '1000' });
    const registry = await deployed(deployRegistry, registryEnv);
    const shown = await once(deployRegistry, registryEnv);
    assert.match(shown, new RegExp(`guardian +${NOWHERE}\\n.*builders +2 of ${'01'.repeat(32)}`));

    const stake = await world.stakeOf(registry, world.owner);
    const provider = { COCOON_REGISTRY: registry.toRawString(), COCOON_CLAIM: world.claim(stake) };
    const { COCOON_CLAIM: _, ...withoutClaim } = provider;
    await refused('config.parameter', deployProvider, withoutClaim);
    await refused('chain.not-a-registry', deployProvider, { ...provider, COCOON_REGISTRY: NOWHERE });
    await refused('usage.amount-below-minimum', deployProvider, { ...provider, COCOON_AMOUNT: '0.999999999' });
    await refused('usage.endpoint', deployProvider, { ...provider, COCOON_ENDPOINT: 'ftp://example.org' });
    for (const claim of [
      world.claim(registry),
      world.claim(stake, { workerKey: '00'.repeat(32) }),
      world.claim(stake, { networkId: -3 }),
      world.file('claim', {}),
    ]) {
      await refused('usage.claim', deployProvider, { ...provider, COCOON_CLAIM: claim });
    }
    const bounty = world.bounty(registry, world.owner);
    await refused('chain.provider-not-ready', deployBounty, { COCOON_PARAMETERS: world.file('bounty', bounty) });
    assert.ok((await deployed(deployProvider, provider)).equals(stake));
    await once(deployProvider, provider);

    const { winningToken: __, ...incomplete } = bounty;
    await refused('config.parameter', deployBounty, { COCOON_PARAMETERS: world.file('bounty', incomplete) });
    const otherKey = { ...bounty, workerKey: '00'.repeat(32) };
    await refused('chain.provider-not-ready', deployBounty, { COCOON_PARAMETERS: world.file('bounty', otherKey) });
    const env = { COCOON_PARAMETERS: world.file('bounty', bounty) };
    const asking = (await deployed(deployBounty, env)).toRawString();
    assert.equal(addressIn(await once(deployBounty, env)).toRawString(), asking);
    assert.match(await world.call(checkDeployment, { COCOON_BOUNTY: asking }), /warning .*no endpoint/);

    const checks: [string, NodeJS.ProcessEnv][] = [
      ['config.parameter', {}],
      ['chain.not-deployed', { COCOON_STAKE: NOWHERE }],
      ['verification.code-hash', { COCOON_STAKE: registry.toRawString() }],
      ['verification.code-hash', { COCOON_BOUNTY: stake.toRawString() }],
    ];
    for (const [code, named] of checks) await refused(code, checkDeployment, named);

    // A second registry: what belongs to the first one is not its own.
    const other = addressIn(await world.call(deployRegistry, {})).toRawString();
    const foreign = { COCOON_REGISTRY: other, COCOON_STAKE: stake.toRawString() };
    await refused('verification.deployment', checkDeployment, foreign);
    const foreignBounty = { COCOON_REGISTRY: other, COCOON_BOUNTY: asking };
    await refused('verification.deployment', checkDeployment, foreignBounty);
  });

  it('name what is wrong with a parameter, a parameter file, a network or a wallet', async () => {
    const cases: [string, NodeJS.ProcessEnv][] = [
      ['config.parameter', { COCOON_GOVERNOR: 'me' }],
      ['config.parameter', { COCOON_GOVERNOR: `-1:${'ab'.repeat(32)}` }],
      ['config.parameter', { COCOON_RENT: '-1' }],
      ['config.parameter', { COCOON_RENT: '1e3' }],
      ['config.parameter', { COCOON_DAYS: '0' }],
      ['config.parameter', { COCOON_BUILDERS: '12' }],
      ['config.parameter', { COCOON_PARAMETERS: world.file('bad', { threshold: '' }) }],
      ['config.parameter', { COCOON_PARAMETERS: world.file('bad', { builders: 5 }) }],
      ['config.unknown', { COCOON_PARAMETERS: world.file('bad', { governer: NOWHERE }) }],
      ['config.unknown', { COCOON_PARAMETERS: world.file('bad', []) }],
      ['config.parameters-file', { COCOON_PARAMETERS: '/nowhere.json' }],
      ['config.network', { COCOON_NETWORK: 'moonnet' }],
      ['chain.wrong-network', { COCOON_NETWORK: 'mainnet' }],
      ['config.wallet', { WALLET_VERSION: 'V5R1' }],
      ['config.wallet', { WALLET_VERSION: 'v5r1', WALLET_NETWORK_ID: '-239' }],
    ];
    const open = (env: NodeJS.ProcessEnv, network?: 'testnet' | 'tetra') => world.deployment(env, network);
    for (const [code, env] of cases) await assert.rejects(open(env), { code }, JSON.stringify(env));
    await assert.rejects(open({ COCOON_NETWORK: 'devnet' }, 'testnet'), { code: 'config.network' });
    await assert.rejects(open({}, 'testnet'), { code: 'chain.wrong-network' });
    await assert.rejects(open({}, 'tetra'), { code: 'config.network' });
    await open({ WALLET_VERSION: 'v5r1', WALLET_NETWORK_ID: '2026', COCOON_RENT: '' });
  });

  it('have a page that names every parameter and its variable', () => {
    const page = readFileSync(join(__dirname, '../../docs/deploy-to-testnet.md'), 'utf8');
    for (const name of PARAMETER_NAMES) {
      assert.match(page, new RegExp(`^\\|[^|]*\\b${name}\\b[^|]*\\|[^|]*\\b${parameterVariable(name)}\\b`, 'm'));
    }
  });

  it('look at the wallet before Blueprint does, and deploy nothing that was not published', () => {
    const wallet = { WALLET_MNEMONIC: MNEMONIC, WALLET_VERSION: 'v5r1' };
    checkMnemonic(['--mnemonic'], wallet);
    checkMnemonic(['--tonconnect'], {});
    for (const bad of [{}, { ...wallet, WALLET_VERSION: 'v6' }, { ...wallet, WALLET_MNEMONIC: 'one two' }]) {
      assert.throws(() => checkMnemonic(['--mnemonic'], bad), { code: 'config.wallet' });
    }
    assert.throws(() => requirePublished('ProviderStake', new Cell()), { code: 'config.build' });
  });
});

it('a verifier is deployed once; a key under which anybody forges, and a development key on mainnet, never', async () => {
  const key = keyOf(trapdoorOf('deployed'));
  const setup = { kind: 'development' as const, phase1Hash: '01'.repeat(32), r1csHash: '02'.repeat(32), zkeyHash: '03'.repeat(32), contributions: 1, beacon: null };
  const record = writeKeyRecord(key, setup);
  const env = (change: object): NodeJS.ProcessEnv => ({ COCOON_VERIFICATION_KEY: world.file('key', { ...record, ...change }), COCOON_SHARD: '3' });
  const { key: points } = record;
  await refused('BAD_KEY_FORGEABLE', deployVerifier, env({ key: { ...points, delta: points.gamma } }));
  await refused('BAD_POINT', deployVerifier, env({ key: { ...points, alpha: `c0${'00'.repeat(47)}` } }));
  await refused('BAD_KEY_RECORD', deployVerifier, env({ format: 'x' }));
  await refused('config.development-key', deployVerifier, env({ setup: { ...setup, kind: 'ceremony' } }));
  await refused('config.parameter', deployVerifier, { COCOON_VERIFICATION_KEY: '/nowhere.json' });
  await refused('config.parameter', deployVerifier, { ...env({}), COCOON_SHARD: '256' });
  await refused('config.parameter', deployVerifier, {});

  const here = await world.deployment(env({}));
  await assert.rejects(deployVerifier({ ...here, settings: { ...here.settings, network: 'mainnet' } }), { code: 'config.development-key' });
  const address = addressIn(await world.call(deployVerifier, env({})));
  assert.match(await once(deployVerifier, env({})), /setup +DEVELOPMENT/);
  const checked = await world.call(checkDeployment, { COCOON_VERIFIER: address.toRawString() });
  assert.match(checked, /3 public inputs, shard 3\n[^]*checked/);
  await refused('verification.code-hash', checkDeployment, { COCOON_VERIFIER: world.devnet.registry!.toRawString() });
});

it('nothing is sent when the wallet sent something else after the script had looked at the chain', async () => {
  const deployment = await world.deployment({});
  const payer = payerOf(deployment);
  const before = await world.balance(world.owner);
  const transfer = { to: world.owner, value: 1n, body: new Cell(), validUntil: 2 ** 32 - 1 };
  await assert.rejects(payer.send({ ...transfer, seqno: (await payer.seqno()) - 1 }), { code: 'chain.in-flight' });
  assert.equal(await world.balance(world.owner), before);
});

/** Runs a script that costs no more fees than docs/deploy-to-testnet.md says. */
async function deployed(body: Parameters<DeployWorld['call']>[0], env: NodeJS.ProcessEnv): Promise<Address> {
  const before = await world.balance(world.owner);
  const address = addressIn(await world.call(body, env));
  const fees = before - (await world.balance(world.owner)) - (await world.balance(address));
  assert.ok(fees > 60_000_000n && fees < 130_000_000n, `${fees}`);
  return address;
}

/** Runs a script again: it says that it did nothing, and did nothing. */
async function once(body: Parameters<DeployWorld['call']>[0], env: NodeJS.ProcessEnv): Promise<string> {
  const before = await world.balance(world.owner);
  const printed = await world.call(body, env);
  assert.match(printed, /deployed +before: nothing is sent/);
  assert.equal(await world.balance(world.owner), before);
  return printed;
}
