import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { KeyFileError } from '../errors';
import type { Logger } from '../log';

/** PEM files: the certificate with those that lead to its root, and its key. */
export interface TlsFiles {
  cert: string;
  key: string;
}

export interface TlsMaterial {
  options: SecureContextOptions;
  /** Unix seconds. */
  validUntil: number;
}

/** How often the files are looked at. */
const WATCH_MILLIS = 5_000;

/**
 * Reads a certificate and its key and checks that they belong together.
 * @throws KeyFileError `config.tls-unreadable`, `config.tls-certificate`, `config.tls-key`, `config.tls-mismatch`
 */
export function readTls({ cert: certFile, key: keyFile }: TlsFiles): TlsMaterial {
  const [cert, key] = [read(certFile, 'certificate'), read(keyFile, 'key')];
  const certificate = parsed(() => new X509Certificate(cert), 'config.tls-certificate', 'this is no certificate', 'a PEM file that begins with the certificate', certFile);
  const secret: KeyObject = parsed(() => createPrivateKey(key), 'config.tls-key', 'this is no key that can be read', 'a PEM file with a private key, not encrypted', keyFile);
  if (!certificate.checkPrivateKey(secret)) {
    throw new KeyFileError('config.tls-mismatch', 'the key is not that of the certificate', {
      expected: `the key of ${certFile}`, received: keyFile, hint: 'give the files that were issued together',
    });
  }
  const options: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
  parsed(() => createSecureContext(options), 'config.tls-certificate', 'the certificate cannot be used', 'a certificate and those that lead to its root', certFile);
  return { options, validUntil: Math.floor(Date.parse(certificate.validTo) / 1_000) };
}

/** Serves with new files as soon as they are there, and with the old ones while the new ones cannot be used. */
export class TlsRenewal {
  private readonly onChange = (): void => void this.renew();

  constructor(
    private readonly files: TlsFiles,
    private material: TlsMaterial,
    private readonly server: Server,
    private readonly log: Logger,
    watchMillis = WATCH_MILLIS,
  ) {
    // By name and not by inode, so that files and links that are replaced are noticed.
    for (const file of [files.cert, files.key]) watchFile(file, { interval: watchMillis, persistent: false }, this.onChange);
    this.warnWhenOver();
  }

  get validUntil(): number {
    return this.material.validUntil;
  }

  /** Reads the files again; connections that are open stay. @returns whether they serve now */
  renew(): boolean {
    try {
      this.material = readTls(this.files);
    } catch (error) {
      const { code, message } = error as KeyFileError;
      this.log.warn({ code, error: message }, 'the TLS files cannot be used; those before serve on');
      return false;
    }
    this.server.setSecureContext(this.material.options);
    this.log.info({ validUntil: this.validUntil }, 'TLS certificate read again');
    this.warnWhenOver();
    return true;
  }

  stop(): void {
    for (const file of [this.files.cert, this.files.key]) unwatchFile(file, this.onChange);
  }

  private warnWhenOver(): void {
    if (this.validUntil * 1_000 <= Date.now()) this.log.warn({ validUntil: this.validUntil }, 'the TLS certificate is over: clients refuse it');
  }
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new KeyFileError('config.tls-unreadable', `cannot read the TLS ${what}`, {
      received: `${file} (${(cause as NodeJS.ErrnoException).code})`, hint: 'check --tls-cert, --tls-key and who may read them', cause,
    });
  }
}

function parsed<T>(parse: () => T, code: string, message: string, expected: string, received: string): T {
  try {
    return parse();
  } catch (cause) {
    throw new KeyFileError(code, message, { expected, received, cause });
  }
}
