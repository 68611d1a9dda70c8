import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { GatewayError } from '../errors';

/** A certificate with its chain, and its key, both PEM. */
export interface TlsFiles {
  cert: Buffer;
  key: Buffer;
}

/** Reads both, or neither where none is named. @throws GatewayError `config.tls` */
export function loadTls(certFile: string | undefined, keyFile: string | undefined): TlsFiles | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  const refuse = (received: string, cause?: unknown): GatewayError => new GatewayError('config.tls', 'TLS cannot be set up', {
    expected: '--tls-cert and --tls-key, two PEM files that belong together', received, cause,
  });
  if (certFile === undefined || keyFile === undefined) throw refuse('one of the two');
  try {
    const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(files);
    return files;
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
}
