import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { StorageError } from './errors';

/** Whether the file system has POSIX permission bits that we can rely on. */
export const hasPosixPermissions = process.platform !== 'win32';

/**
 * Default data folder: `$XDG_DATA_HOME/open-cocoon` (or `~/.local/share/open-cocoon`) on Linux,
 * `~/Library/Application Support/open-cocoon` on macOS, `%APPDATA%\open-cocoon` on Windows.
 */
export function defaultDataFolder(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
  home: string = homedir(),
): string {
  if (platform === 'win32') return join(env.APPDATA ?? join(home, 'AppData', 'Roaming'), 'open-cocoon');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'open-cocoon');
  const xdg = env.XDG_DATA_HOME;
  // The XDG base directory specification: a relative value is invalid and ignored.
  return join(xdg !== undefined && xdg.startsWith('/') ? xdg : join(home, '.local', 'share'), 'open-cocoon');
}

/**
 * Makes sure that `folder` exists, is a directory and is readable by its owner only (mode 0700).
 * @throws StorageError `storage.folder` when it cannot be created, `storage.permissions` when others may read it.
 */
export function ensurePrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fileSystemError(cause, folder, 'cannot create the data folder');
  }
  const stat = lstatSync(folder);
  if (!stat.isDirectory()) {
    throw new StorageError('storage.folder', 'the data folder is not a directory', { received: folder });
  }
  if (hasPosixPermissions && (stat.mode & 0o077) !== 0) {
    throw new StorageError('storage.permissions', 'others can read the data folder', {
      expected: 'mode 0700',
      received: `mode ${formatMode(stat.mode)} on ${folder}`,
      hint: `run: chmod 700 ${folder}`,
    });
  }
}

/**
 * Writes a private file (mode 0600) so that after a crash either the old or the whole new content is there:
 * temporary file, fsync, rename (or link, when it must not exist yet), fsync of the folder.
 */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, content as string);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (hasPosixPermissions) chmodSync(temporary, 0o600);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw fileSystemError(cause, path, 'cannot write a private file');
  }
}

/** Makes what somebody else wrote into a file durable. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  if (!hasPosixPermissions) return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Turns an error of `node:fs` into a typed one that says what to do. */
export function fileSystemError(cause: unknown, path: string, what: string): StorageError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const hints: Record<string, [string, string]> = {
    ENOSPC: ['storage.full', 'free some space on this disk and start again; nothing was lost'],
    EROFS: ['storage.readonly', 'the file system is read-only; choose another --data-folder'],
    EACCES: ['storage.denied', 'check who owns the folder, or choose another --data-folder'],
    EPERM: ['storage.denied', 'check who owns the folder, or choose another --data-folder'],
    ENOENT: ['storage.missing', 'check the path'],
    ENOTDIR: ['storage.folder', 'a part of the path is a file, not a folder'],
    EEXIST: ['storage.folder', 'a file of that name is in the way'],
  };
  const [errorCode, hint] = hints[code] ?? ['storage.io', `the system said ${code}`];
  return new StorageError(errorCode, what, { received: path, hint, cause });
}

/** Permission bits as people write them, for example `0644`. */
export function formatMode(mode: number): string {
  return `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
}
