/** `cocoon miniapp demo` as a user runs it: what it prints can be opened, what is simulated says so, and nothing is left behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { BUILT_CLI } from '../../cli/processes';
import { parseConfig } from '../../miniapp/src/app/config';
import { TINY_MODEL } from '../support/marketplace';

describe('the demo of the page', { timeout: 120_000 }, () => {
  test('brings up all that the page needs, says what of it is simulated, and ends with SIGTERM leaving nothing', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'cocoon-miniapp-test-'));
    const child = spawn(process.execPath, [BUILT_CLI, 'miniapp', 'demo', '--json', '--port', '0', '--model', TINY_MODEL, '--backend', 'reference'], {
      env: { ...process.env, TMPDIR: temporary, COCOON_NETWORK: 'mainnet', COCOON_API: 'http://127.0.0.1:9' }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += String(data)));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    try {
      const line = await Promise.race([new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)), ended.then(() => Promise.reject(new Error(said)))]);
      const { url, relay, stake, simulated } = JSON.parse(line) as { url: string; relay: string; stake: string; simulated: string[] };
      assert.ok(simulated.length >= 4, 'says what is simulated');
      assert.match(said, /SIMULATED/);
      const config = parseConfig(await (await fetch(`${url}/config.json`)).json());
      assert.deepEqual([config.network, config.quoteRoot, config.relay], ['devnet', 'simulated', relay]);
      for (const { url: api } of config.apis) {
        const reply = await (await fetch(`${api}/getAddressInformation?address=0:${config.registry}`)).json() as { result: { state: string } };
        assert.equal(reply.result.state, 'active', api);
      }
      const { providers } = await (await fetch(`${relay}/v1/providers`, { headers: { origin: url } })).json() as { providers: { stake: string; fault: null }[] };
      assert.deepEqual(providers.map((provider) => [provider.stake, provider.fault]), [[stake, null]]);
      const [{ universalLink }] = config.wallets;
      assert.match(await (await fetch(universalLink)).text(), /^SIMULATED wallet/);
      assert.match(await (await fetch(url)).text(), /<script type="module"/);
    } finally {
      child.kill('SIGTERM');
      assert.equal(await ended, 0, said);
      assert.deepEqual(readdirSync(temporary).filter((name) => name.startsWith('open-cocoon')), []);
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
