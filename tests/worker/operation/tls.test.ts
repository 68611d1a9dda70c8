import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { createJsonServer } from '../../../worker/http/server';
import { readTls, TlsRenewal } from '../../../worker/http/tls';
import { createLogger } from '../../../worker/log';
import { eventually } from '../../support/marketplace';
import { type Identity, selfSigned } from '../../support/certificate';
import { CHANNEL_PATH, ChannelEndpoint } from '../../../worker/channels/endpoint';
import { WorkerWorld } from '../channels/conversationWorld';

describe('TLS of a worker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-tls-'));
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  let [first, second] = [] as unknown as [Identity, Identity];
  before(async () => {
    [first, second] = [await selfSigned(webcrypto as Crypto, 'first'), await selfSigned(webcrypto as Crypto, 'second')];
    write(first);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const put = (file: string, text: string): void => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  const write = ({ cert, key }: Identity): void => {
    put(files.cert, cert);
    put(files.key, key);
  };
  const listening = async (server: Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const serving = (): Server => (
    createJsonServer([{ method: 'GET', path: /^\/$/, handle: () => ({ status: 200, body: { ok: true } }) }], createLogger('silent'), {
      tls: readTls(files).options,
    }) as Server
  );
  const nameAt = async (port: number, options: object = {}): Promise<string> => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    const name = String(socket.getPeerCertificate().subject.CN);
    socket.destroy();
    return name;
  };
  const codeOf = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  };

  test('every pair of files that cannot serve is refused with its own code', () => {
    const broken = join(folder, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const other = join(folder, 'other.pem');
    writeFileSync(other, second.key);
    const cases: [string, { cert: string; key: string }][] = [
      ['config.tls-unreadable', { ...files, cert: join(folder, 'none.pem') }],
      ['config.tls-unreadable', { ...files, key: join(folder, 'none.pem') }],
      ['config.tls-certificate', { ...files, cert: broken }],
      ['config.tls-key', { ...files, key: files.cert }],
      ['config.tls-mismatch', { ...files, key: other }],
    ];
    for (const [code, pair] of cases) assert.equal(codeOf(() => readTls(pair)), code);
    assert.ok(readTls(files).validUntil > Date.now() / 1_000);
  });

  test('serves https and wss at one port to clients that trust the certificate, and nothing older than TLS 1.2', async () => {
    const loaded = await WorkerWorld.loaded();
    const world = await WorkerWorld.create(loaded.model, loaded.engine);
    const server = serving();
    const endpoint = new ChannelEndpoint(server, world.context);
    const port = await listening(server);
    const trusting = { ca: first.cert, servername: 'localhost' };
    const asked = request({ port, host: '127.0.0.1', path: '/', ...trusting }).end();
    const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    assert.equal(response.statusCode, 200);
    const socket = new WebSocket(`wss://127.0.0.1:${port}${CHANNEL_PATH}`, trusting);
    await once(socket, 'open');
    socket.terminate();
    const [refused] = (await once(request({ port, host: '127.0.0.1', path: '/' }).end(), 'error')) as [{ code: string }];
    assert.match(refused.code, /SELF_SIGNED/);
    assert.equal(await nameAt(port, { maxVersion: 'TLSv1.2' }), 'first');
    await assert.rejects(nameAt(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    await endpoint.close();
    server.close();
    server.closeAllConnections();
    world.end();
    await loaded.engine.close();
  });

  test('serves with new files as soon as both are there, and with the old ones until then', async () => {
    const server = serving();
    const port = await listening(server);
    const renewal = new TlsRenewal(files, readTls(files), server, createLogger('silent'), 20);
    assert.equal(await nameAt(port), 'first');
    put(files.cert, second.cert);
    assert.equal(renewal.renew(), false, 'its key is not there yet');
    assert.equal(await nameAt(port), 'first');
    put(files.key, second.key);
    await eventually(async () => ((await nameAt(port)) === 'second' ? true : null), 10);
    renewal.stop();
    write(first);
    assert.equal(renewal.renew(), true, 'a signal does the same');
    assert.equal(await nameAt(port), 'first');
    server.close();
  });
});
