/** Disputes whose sides are processes: killed at any move, answered by a watchtower, begun by what a gateway's audits found. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { requestFaucet } from '../../cli/client/devnetApi';
import { deployWallet, loadWallet, payerOf } from '../../cli/client/wallet';
import { NETWORKS } from '../../cli/config/settings';
import { Stage, type DemoProvider, type WorkerReady } from '../../cli/demo/stage';
import { startGateway } from '../../cli/gateway/start';
import { createOutput } from '../../cli/output';
import { accusedOf, listEvidence } from '../../cli/challenge/accused';
import { Challenge } from '../../cli/challenge/challenge';
import type { Subprocess } from '../../cli/processes';
import { localJudge } from '../../disputes/localJudge';
import { Pursuit } from '../../disputes/pursuit';
import { replayed } from '../../disputes/replay';
import { ModelProver } from '../../exact';
import { Tier } from '../../protocol';
import { ChainClient, sleep } from '../../worker/chain/chainClient';
import { openModel } from '../../worker/engine';
import { unixTime } from '../../worker/jobs/settle';
import { flipBit } from '../../worker/simulatedCheat';
import { until } from '../gateway/support';
import { TINY_MODEL } from '../support/marketplace';

const MODEL = ['--model', TINY_MODEL, '--backend', 'reference'];
const CHEAT = [...MODEL, '--simulate-cheat', 'flipped-bit', '--output-price', '500'];
const SILENT = [...CHEAT, '--show-traces', 'off'];

describe('a dispute between processes', { timeout: 120_000 }, () => {
  const stage = new Stage({ ...createOutput(true), progress: () => undefined });
  let provider: DemoProvider;
  let honest: DemoProvider;
  let worker: Subprocess;
  let port: string;
  before(async () => {
    await stage.startDevnet();
    provider = await stage.startProvider('liar', SILENT);
    worker = provider.process;
    const { url } = await worker.next<WorkerReady>();
    port = new URL(url).port;
    await stage.join(provider, url, 3_000_000_000n);
    honest = await stage.startProvider('honest', MODEL);
    await stage.join(honest, (await honest.process.next<WorkerReady>()).url, 3_000_000_000n);
    for (const name of ['client', 'gateway']) {
      const wallet = loadWallet(stage.folderOf(name), NETWORKS.devnet);
      await requestFaucet(stage.endpoint, wallet.address, 5_000_000_000n);
      await deployWallet(new ChainClient({ endpoint: stage.endpoint }), wallet, unixTime() + 60);
    }
  });
  after(() => stage.close(false));

  const restarted = (args: string[]): Subprocess => stage.start('liar', ['worker', '--port', port, '--stake', provider.stake.toRawString(), ...args]);
  /** A challenge that tells when it has made so many moves. */
  function challenger(name: string, args: string[], moves = Infinity): { process: Subprocess; moved: Promise<void> } {
    let made = 0;
    let tell: () => void;
    const moved = new Promise<void>((resolve) => (tell = resolve));
    const process = stage.start(name, ['challenge', ...args, '--yes', '--model', TINY_MODEL], (line) => {
      if (/levels above/.test(line) && ++made >= moves) tell();
    });
    return { process, moved };
  }
  const kill = async (process: Subprocess): Promise<void> => {
    process.child.kill('SIGKILL');
    await process.exitCode;
  };

  /** @returns its address */
  async function buy(from: DemoProvider): Promise<string> {
    const bought = stage.start('client', ['job', 'create', '--prompt', 'cat', '--max-tokens', '4', '--model', TINY_MODEL, '--provider', from.stake.toRawString(), '--no-rerun']);
    const { jobAddress } = await bought.next<{ jobAddress: string }>();
    await bought.result();
    return jobAddress;
  }

  test('both sides are killed and go on where the case stands: move by move while the worker shows nothing, at once when it does', async () => {
    const job = await buy(provider);
    for (const [moves, more, next] of [[2, ['--on-chain-only'], SILENT], [1, [], CHEAT]] as const) {
      const { process, moved } = challenger('client', [job, ...more], moves);
      await moved;
      await Promise.all([kill(worker), kill(process)]);
      worker = restarted([...next]);
    }
    await worker.next<WorkerReady>();
    const report = await challenger('client', [job]).process.result<{ verdict: string; moves: number }>();
    assert.equal(report.verdict, 'convicted');
    assert.ok(report.moves >= 2, `${report.moves} moves`);
  });

  test('a watchtower answers every move for a worker that does not run, and who accuses it wrongly finds nothing to prove', async () => {
    const job = await buy(honest);
    await kill(honest.process);
    const tower = stage.start('honest', ['watchtower', '--stake', honest.stake.toRawString(), '--model', TINY_MODEL]);
    const { dataFolder } = stage.contextOf('client').settings;
    const chain = new ChainClient({ endpoint: stage.endpoint });
    const accused = await accusedOf(dataFolder, job);
    const { model } = openModel(TINY_MODEL);
    flipBit(model);
    const [loaded, judge] = [openModel(TINY_MODEL), await localJudge()];
    const { subject } = new Pursuit(loaded.model, new ModelProver(loaded.model), accused.answer, judge);
    const accuser = await Challenge.open({
      dataFolder, chain, wallet: payerOf(chain, loadWallet(dataFolder, NETWORKS.devnet)), loaded, accused, judge, pollMillis: 50,
      replay: replayed(model, subject, accused.answer.payload.request.promptTokens), progress: () => undefined,
    });
    await assert.rejects(async () => {
      for (;;) if ((await accuser.step()) === 'waits') await sleep(50);
    }, { code: 'dispute.not-refuted' });
    await tower.stop();
  });

  test('an answer over a channel that an audit found wrong is challenged by the gateway\'s owner, who watches for such', async () => {
    let ready = { baseUrl: '', apiKey: '', model: '' };
    const context = { ...stage.contextOf('gateway', { port: 0, logLevel: 'silent', model: TINY_MODEL }), output: { ...createOutput(true), progress: () => undefined, result: (value: unknown) => (ready = value as typeof ready) } };
    const stop = await startGateway(context as never, { tier: Tier.bonded, images: [], deposit: 60_000_000n, mostChannels: 1, idleSeconds: 86_400, closesAtEnd: false, auditRate: 1 });
    const folder = stage.folderOf('gateway');
    try {
      const client = new OpenAI({ baseURL: ready.baseUrl, apiKey: ready.apiKey, maxRetries: 0 });
      await client.chat.completions.create({ model: ready.model, messages: [{ role: 'user', content: 'dog' }], max_tokens: 4 });
      await until(() => listEvidence(folder).length === 1);
    } finally {
      await stop();
    }
    const watcher = stage.start('gateway', ['challenge', '--watch', '--yes', '--model', TINY_MODEL]);
    await watcher.next();
    const { event, verdict, name, moves } = await watcher.next<{ event: string; verdict: string; name: string; moves: number }>();
    assert.deepEqual([event, verdict, name, moves], ['verdict', 'convicted', listEvidence(folder)[0].reference, 1], 'the worker was asked');
    await watcher.stop();
  });
});
