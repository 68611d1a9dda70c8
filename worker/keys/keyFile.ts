import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { ensurePrivateFolder, fileSystemError, formatMode, hasPosixPermissions, writePrivateFile } from '../dataFolder';
import { KeyFileError } from '../errors';
import { dirname } from 'node:path';

/** What a 32-byte secret in a key file is for; it is authenticated, so that files cannot be swapped. */
export type KeyPurpose = 'worker-ed25519' | 'worker-x25519' | 'wallet-ed25519' | 'owner-ed25519' | 'claim-ed25519' | 'channel-ed25519';

/** scrypt parameters (RFC 7914): 64 MiB of memory, about a quarter of a second on one core. */
const SCRYPT = { N: 1 << 16, r: 8, p: 1 } as const;

const hex = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

const keyFileSchema = z.discriminatedUnion('encryption', [
  z.strictObject({ version: z.literal(1), purpose: z.string(), encryption: z.literal('none'), secret: hex(32) }),
  z.strictObject({
    version: z.literal(1),
    purpose: z.string(),
    encryption: z.literal('scrypt-chacha20-poly1305'),
    scrypt: z.strictObject({
      N: z
        .number()
        .int()
        .min(1 << 14)
        .max(1 << 20),
      r: z.number().int().min(1).max(32),
      p: z.number().int().min(1).max(16),
      salt: hex(16),
    }),
    nonce: hex(12),
    secret: hex(48),
  }),
]);

/**
 * Reads the 32-byte secret in `path`, or creates it with fresh random bytes.
 * @param passphrase encrypts a new file and opens an encrypted one; `undefined` means plain.
 * @throws KeyFileError `config.key-permissions`, `config.key-damaged`, `config.passphrase-*`
 */
export function loadOrCreateKey(path: string, purpose: KeyPurpose, passphrase?: string): Buffer {
  ensurePrivateFolder(dirname(path));
  if (!existsSync(path)) {
    writePrivateFile(path, encodeKeyFile(randomBytes(32), purpose, passphrase));
  }
  return loadKey(path, purpose, passphrase);
}

/** Reads the 32-byte secret in `path`; see {@link loadOrCreateKey} for the errors. */
export function loadKey(path: string, purpose: KeyPurpose, passphrase?: string): Buffer {
  let text: string;
  try {
    const stat = lstatSync(path);
    if (hasPosixPermissions && (stat.mode & 0o077) !== 0) {
      throw new KeyFileError('config.key-permissions', 'others can read a key file', {
        expected: 'mode 0600',
        received: `mode ${formatMode(stat.mode)} on ${path}`,
        hint: `run: chmod 600 ${path}, and consider the key as known to others`,
      });
    }
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause;
    throw fileSystemError(cause, path, 'cannot read a key file');
  }
  return decodeKeyFile(text, path, purpose, passphrase);
}

/** The JSON text of a key file. */
export function encodeKeyFile(secret: Uint8Array, purpose: KeyPurpose, passphrase?: string): string {
  if (passphrase === undefined) {
    const plain = { version: 1, purpose, encryption: 'none', secret: Buffer.from(secret).toString('hex') };
    return `${JSON.stringify(plain, null, 2)}\n`;
  }
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const key = deriveKey(passphrase, salt, SCRYPT);
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(purpose), { plaintextLength: 32 });
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  const file = {
    version: 1,
    purpose,
    encryption: 'scrypt-chacha20-poly1305',
    scrypt: { ...SCRYPT, salt: salt.toString('hex') },
    nonce: nonce.toString('hex'),
    secret: sealed.toString('hex'),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function decodeKeyFile(text: string, path: string, purpose: KeyPurpose, passphrase?: string): Buffer {
  const damaged = (reason: string): KeyFileError =>
    new KeyFileError('config.key-damaged', 'a key file cannot be used', {
      expected: `a version 1 key file for ${purpose}`,
      received: `${path}: ${reason}`,
      hint: 'restore it from a backup; a new key would be another identity',
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged('not JSON');
  }
  const parsed = keyFileSchema.safeParse(json);
  if (!parsed.success) throw damaged(parsed.error.issues.map((issue) => issue.path.join('.') || 'root').join(', '));
  const file = parsed.data;
  if (file.purpose !== purpose) throw damaged(`it is a key for ${file.purpose}`);
  if (file.encryption === 'none') return Buffer.from(file.secret, 'hex');
  if (passphrase === undefined) {
    throw new KeyFileError('config.passphrase-missing', 'a key file is encrypted', {
      received: path,
      hint: 'set COCOON_PASSPHRASE or give --passphrase-file',
    });
  }
  const sealed = Buffer.from(file.secret, 'hex');
  const key = deriveKey(passphrase, Buffer.from(file.scrypt.salt, 'hex'), file.scrypt);
  const decipher = createDecipheriv('chacha20-poly1305', key, Buffer.from(file.nonce, 'hex'), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(purpose), { plaintextLength: 32 });
  decipher.setAuthTag(sealed.subarray(32));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, 32)), decipher.final()]);
  } catch {
    throw new KeyFileError('config.passphrase-wrong', 'the passphrase does not open a key file', {
      received: path,
      hint: 'check COCOON_PASSPHRASE or --passphrase-file',
    });
  }
}

function deriveKey(passphrase: string, salt: Uint8Array, cost: { N: number; r: number; p: number }): Buffer {
  const { N, r, p } = cost;
  return scryptSync(passphrase.normalize('NFKC'), salt, 32, { N, r, p, maxmem: 256 * N * r });
}
