import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { Address, beginCell, type Cell, type Transaction } from '@ton/core';
import { rankProviders } from '../../cli/client/providers';
import { WorkerApi } from '../../cli/client/workerApi';
import { parseEndpoint } from '../../cli/provider/descriptor';
import { providerStakeAddress } from '../../wrappers';
import {
  descriptorHashOf,
  discoverProviders,
  downloadDescriptor,
  endpointUrl,
  fetchDescriptor,
  MAX_DESCRIPTOR_BYTES,
  type ChainHistory,
  type Provider,
} from '../../wrappers/discovery';

const networkId = 2026;
const addressOf = (number: number): Address => new Address(0, beginCell().storeUint(number, 256).endCell().hash());
const registry = addressOf(0);

/** A history of the registry that is only as long as it is asked for: transaction `lt` logs what `logOf` says. */
function historyOf(length: number, logOf: (lt: number) => Cell | null, knows = length) {
  const asked: number[] = [];
  const history: ChainHistory = {
    getTransactions: async (_address, { limit, lt }) => {
      const from = lt === undefined ? length : Number(lt) - 1;
      if (knows < length && from <= length - knows) throw new Error('lt not in db');
      asked.push(limit);
      const count = Math.min(limit, from, from - (length - knows));
      return Array.from({ length: count }, (_, index) => transactionOf(from - index, logOf(from - index)));
    },
    provider: () => {
      throw new Error('no answer');
    },
  };
  return { history, asked };
}

function transactionOf(lt: number, body: Cell | null): Transaction {
  const info = { type: 'external-out' };
  return {
    lt: BigInt(lt),
    prevTransactionLt: BigInt(lt - 1),
    hash: () => Buffer.alloc(32, lt),
    outMessages: new Map(body === null ? [] : [[0, { info, body }]]),
  } as unknown as Transaction;
}

const log = (owner: Address, stake: Address): Cell =>
  beginCell().storeUint(0x0c28, 32).storeAddress(owner).storeAddress(stake).endCell();

/** One log message for each owner, made once. */
async function logsOf(count: number): Promise<{ stakes: Address[]; logs: Cell[] }> {
  const owners = Array.from({ length: count }, (_, number) => addressOf(number + 1));
  const stakes: Address[] = [];
  for (const owner of owners) stakes.push(await providerStakeAddress({ networkId, registry, owner }));
  return { stakes, logs: owners.map((owner, number) => log(owner, stakes[number])) };
}
const text = (addresses: Address[]): string[] => addresses.map((address) => address.toRawString());

describe('discovery in a long history', () => {
  const options = { networkId, registry };

  it('pages through thousands of messages to the first one; each stake is named once, the last first', async () => {
    const { stakes, logs } = await logsOf(5);
    const { history, asked } = historyOf(3_210, (lt) => logs[lt % 5]);
    const found = await discoverProviders(history, { ...options, maxTransactions: 5_000 });
    assert.deepEqual(text(found.unreadable), text([0, 4, 3, 2, 1].map((number) => stakes[number])));
    assert.equal(found.complete, true);
    assert.equal(asked.length, Math.ceil(3_210 / 50));
  });

  it('spam before the registry cannot be read for ever, and what is left out is said', async () => {
    const { stakes, logs } = await logsOf(2);
    // The older provider is before 2,500 messages of somebody who wants it forgotten.
    const { history } = historyOf(2_600, (lt) => (lt === 50 ? logs[0] : lt === 2_550 ? logs[1] : null));
    const found = await discoverProviders(history, options);
    assert.deepEqual([text(found.unreadable), found.complete], [[stakes[1].toRawString()], false]);
    const more = await discoverProviders(history, { ...options, maxTransactions: 2_600 });
    assert.deepEqual([text(more.unreadable), more.complete], [text([stakes[1], stakes[0]]), true]);
  });

  it('log messages of another form, or of stakes that do not follow from their owners, are nothing', async () => {
    const { stakes, logs } = await logsOf(2);
    const strange = [
      log(addressOf(1), addressOf(99)),
      beginCell().storeUint(0x0c28, 32).storeUint(0, 2 * 267).endCell(),
      beginCell().storeUint(0x0c28, 32).storeBuffer(Buffer.alloc(66, 255)).storeUint(63, 6).endCell(),
      beginCell().endCell(),
    ];
    const { history } = historyOf(6, (lt) => [...strange, ...logs][lt - 1]);
    const found = await discoverProviders(history, options);
    assert.deepEqual([text(found.unreadable), found.complete], [text([stakes[1], stakes[0]]), true]);
  });

  it('an API without the whole history, or with none of it, does not pass for all there is', async () => {
    const { stakes, logs } = await logsOf(1);
    const { history } = historyOf(500, (lt) => (lt === 450 ? logs[0] : null), 120);
    const found = await discoverProviders(history, options);
    assert.deepEqual([text(found.unreadable), found.complete], [text(stakes), false]);
    const forgetful = { ...history, getTransactions: async () => [] };
    assert.equal((await discoverProviders(forgetful, options)).complete, false);
    const away = { ...history, getTransactions: () => Promise.reject(new Error('away')) };
    await assert.rejects(discoverProviders(away, options), /away/);
  });

  it('reads only so many stakes', async () => {
    const { stakes, logs } = await logsOf(4);
    const { history } = historyOf(4, (lt) => logs[lt - 1]);
    const found = await discoverProviders(history, { ...options, maxProviders: 3 });
    assert.deepEqual([text(found.unreadable), found.complete], [text(stakes.slice(1).reverse()), false]);
  });
});

describe('endpoints of strangers', () => {
  const servers: Server[] = [];
  after(() => servers.forEach((server) => (server.closeAllConnections(), server.close())));
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const unreachable = { code: 'network.descriptor-unreachable' };

  it('what is no plain http URL is no endpoint, for who publishes it and for who reads it', () => {
    const bad = [
      '',
      'example.org',
      'ftp://example.org',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'http://',
      'http://router.local/reboot?now=',
      'http://router.local/reboot#',
      'http://user:password@example.org',
      'http://example.org\\@other.org',
      'http://example.org/ a',
      'http://example.org\n0:00  0.01 TON  free 1000 TON',
      'http://example.org/\u001b]0;title\u0007',
      'http://exämple.org',
    ];
    for (const endpoint of bad) {
      assert.equal(endpointUrl(endpoint), null, JSON.stringify(endpoint));
      assert.throws(() => parseEndpoint(endpoint), { code: 'usage.endpoint' }, JSON.stringify(endpoint));
    }
    for (const good of ['http://127.0.0.1:8443', 'https://gpu.example.org/worker/1']) {
      assert.equal(endpointUrl(`${good}/`), good);
      assert.equal(parseEndpoint(`${good}//`), good);
    }
    assert.throws(() => parseEndpoint(`https://${'a'.repeat(113)}`), { code: 'usage.endpoint' });
  });

  it('no request is sent to an endpoint that is none', async () => {
    let asked = 0;
    const url = await serve((_, response) => (asked++, response.end('{}')));
    for (const endpoint of [`${url}/reboot?now=`, `${url}/#`, url.replace('//', '//a:b@')]) {
      await assert.rejects(downloadDescriptor(endpoint), unreachable);
    }
    assert.equal(asked, 0);
  });

  it('redirects, endless and late answers, errors and other bytes than the chain names are refused', async () => {
    const body = Buffer.from('{"descriptor":true}');
    const honest = await serve((_, response) => response.end(body));
    assert.deepEqual(Buffer.from(await fetchDescriptor(honest, descriptorHashOf(body))), body);
    const liar = { code: 'verification.descriptor-hash' };
    await assert.rejects(fetchDescriptor(honest, descriptorHashOf(Buffer.from('{}'))), liar);
    const redirecting = await serve((_, response) => response.writeHead(302, { location: honest }).end());
    const failing = await serve((_, response) => response.writeHead(500).end(body));
    const huge = await serve((_, response) => response.end(Buffer.alloc(MAX_DESCRIPTOR_BYTES + 1, 0x20)));
    const endless = await serve((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(16_384, 0x20)), 1);
      response.on('close', () => clearInterval(timer));
    });
    const silent = await serve(() => undefined);
    const breaking = await serve((_, response) => (response.write('{'), setTimeout(() => response.destroy(), 5)));
    for (const endpoint of [redirecting, failing, huge, endless, silent, breaking, 'http://127.0.0.1:9']) {
      await assert.rejects(downloadDescriptor(endpoint, 300), unreachable, endpoint);
    }
  });

  it('a list of liars is still a list: each has its fault, and none costs more than its own time', async () => {
    const status = { active: 1n, reserved: 0n };
    const of = (endpoint: string | null, body: string): Provider =>
      ({ endpoint, descriptorHash: descriptorHashOf(Buffer.from(body)), status }) as never;
    const bodies = ['{"half', '[]', 'null', '{"models":[]}', `[${'['.repeat(30_000)}`];
    const providers = await Promise.all(
      bodies.map(async (body) => of(await serve((_, response) => response.end(body)), body)),
    );
    const ranked = await rankProviders([...providers, of(null, '')]);
    assert.deepEqual(
      ranked.map(({ fault, price }) => [fault, price]),
      [...bodies.map(() => ['network.worker-answer', null]), ['no endpoint', null]],
    );
  });

  it("a worker's own answers come from its own path and host only, and have an end", async () => {
    const paths: string[] = [];
    const url = await serve((request, response) => (paths.push(request.url!), response.end('{}')));
    await assert.rejects(new WorkerApi(`${url}/gpu/1/`).descriptor(), { code: 'network.worker-answer' });
    assert.deepEqual(paths, ['/gpu/1/v1/descriptor'], 'where the stake says, as the published descriptor is');
    const redirecting = await serve((_, response) => response.writeHead(307, { location: url }).end());
    const endless = await serve((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(1 << 20, 0x20)), 1);
      response.on('close', () => clearInterval(timer));
    });
    for (const worker of [redirecting, endless]) {
      await assert.rejects(new WorkerApi(worker, 20_000).status('0:00'), { code: 'network.worker-unreachable' });
    }
    assert.equal(paths.length, 1);
  });
});
