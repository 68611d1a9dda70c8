import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { isLoopback, listen } from '../../worker/http/listen';

test('a port that is taken is told with the option that chose it; what cannot be accepted later ends no process', async () => {
  const server = createServer();
  const { authority, port } = await listen(server, '127.0.0.1', 0);
  assert.equal(authority, `127.0.0.1:${port}`);
  await assert.rejects(listen(createServer(), '127.0.0.1', port, '--metrics-port'), { code: 'config.port', hint: 'choose another --metrics-port' });
  for (let time = 0; time < 2; time++) server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  server.close();
});

test('an address is written as URLs write it', async () => {
  const server = createServer();
  const { authority, port } = await listen(server, '::1', 0);
  assert.equal(authority, `[::1]:${port}`);
  server.close();
  assert.deepEqual(['localhost', '127.0.0.9', '::1', '0.0.0.0', '::', '10.0.0.1'].map(isLoopback), [true, true, true, false, false, false]);
});
