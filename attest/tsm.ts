/**
 * A TDX quote from the Linux kernel, 6.7 or newer, inside a trust domain (Documentation/ABI/testing/configfs-tsm-report):
 * write 64 bytes to `inblob` of a directory of our own, read the quote from `outblob`. The quote is not checked here.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import * as disk from 'node:fs/promises';
import { refuse } from './errors';

const ROOT = '/sys/kernel/config/tsm/report';
const PROVIDER = 'tdx_guest';
const REPORT_DATA_BYTES = 64;
const ATTEMPTS = 5;

const START =
  'run inside an Intel TDX guest with Linux 6.7 or newer; if this is one, as root: ' +
  'modprobe tdx_guest; mount -t configfs none /sys/kernel/config';
const ALLOW = 'run as root, and where configfs is writable (a container must get /sys/kernel/config read-write)';
const ABSENT = ['ENODEV', 'ENXIO', 'ENOTTY', 'ENOTDIR'];
const FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];

/** What drivers/virt/coco/tdx-guest of the kernel means by the errors of reading `outblob`. */
const REFUSALS: Record<string, string> = {
  EIO: 'the host refused: its operator must see to the quote generation service (QGS) and the registration of the platform',
  EBUSY: 'the host has not answered an earlier request yet: try again in a minute',
  ETIMEDOUT: 'the host did not answer in time: its operator must see to the quote generation service (QGS)',
  EINTR: 'a signal stopped the request: try again in a minute',
  EFBIG: 'the quote is larger than this kernel hands out: update the kernel',
};

/** The file operations used; node:fs/promises has them. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>;
  readFile(path: string): Promise<Buffer>;
  writeFile(path: string, data: Uint8Array, options: { flag: number }): Promise<void>;
  rmdir(path: string): Promise<void>;
}

export interface TsmOptions {
  /** directory of the reports */
  root?: string;
  fs?: TsmFiles;
}

type Step = 'mkdir' | 'provider' | 'generation' | 'inblob' | 'outblob';

/** Another process wrote to our directory or removed it. */
class Interference extends Error {}

/**
 * @param reportData 64 bytes the quote will carry
 * @returns the quote as the kernel hands it out; takes seconds
 * @throws AttestationError `attest.tsm.<reason>`
 */
export async function tdxQuote(reportData: Uint8Array, { root = ROOT, fs = disk }: TsmOptions = {}): Promise<Buffer> {
  if (reportData.length !== REPORT_DATA_BYTES) {
    refuse('tsm.report-data', 'the report data has another length', `${REPORT_DATA_BYTES} bytes`, `${reportData.length} bytes`);
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await quoteOnce(fs, root, reportData);
    } catch (error) {
      if (!(error instanceof Interference)) throw error;
    }
  }
  return refuse(
    'tsm.busy',
    'another process keeps changing the reports of this one',
    `one undisturbed attempt under ${root}`,
    `${ATTEMPTS} disturbed ones`,
    'find the other process that writes there and stop it',
  );
}

async function quoteOnce(fs: TsmFiles, root: string, reportData: Uint8Array): Promise<Buffer> {
  const directory = `${root}/open-cocoon-${process.pid}-${randomBytes(8).toString('hex')}`;
  await kernel('mkdir', fs.mkdir(directory));
  try {
    return await quoteIn(fs, directory, reportData);
  } finally {
    // What stays holds a few KiB of kernel memory; that is no reason to lose a quote or to hide an error.
    await fs.rmdir(directory).catch(() => undefined);
  }
}

async function quoteIn(fs: TsmFiles, directory: string, reportData: Uint8Array): Promise<Buffer> {
  const read = (name: Step): Promise<Buffer> => kernel(name, fs.readFile(`${directory}/${name}`));
  const provider = (await read('provider')).toString('latin1').trim();
  if (provider !== PROVIDER) {
    refuse('tsm.provider', 'this machine is another kind of enclave', PROVIDER, provider.slice(0, 40), 'only Intel TDX is attested here');
  }
  const before = generationOf(await read('generation'));
  // configfs opens `inblob` for writing only and takes the bytes when the file is closed.
  await kernel('inblob', fs.writeFile(`${directory}/inblob`, reportData, { flag: constants.O_WRONLY }));
  const outcome = await read('outblob').then(
    (quote) => ({ quote }),
    (error: unknown) => ({ error }),
  );
  // Looked at after a failure too: what another process wrote may be its cause.
  if (generationOf(await read('generation')) !== before + 1n) throw new Interference();
  if ('error' in outcome) throw outcome.error;
  if (outcome.quote.length === 0) refuse('tsm.quote', 'there is no quote', 'a quote', '0 bytes from outblob', REFUSALS.EIO);
  return outcome.quote;
}

/** unsigned long in decimal, and a line feed */
function generationOf(bytes: Buffer): bigint {
  const text = bytes.toString('latin1').trim();
  if (!/^\d{1,20}$/.test(text)) refuse('tsm.generation', 'the kernel states no generation', 'a number', text.slice(0, 40));
  return BigInt(text);
}

async function kernel<T>(step: Step, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    if (typeof code !== 'string') throw error;
    return explain(step, code);
  }
}

function explain(step: Step, code: string): never {
  const received = `${code} from ${step}`;
  // Without `provider` a directory just made is none of configfs-tsm; any other attribute is gone with its directory.
  const missing = code === 'ENOENT' && (step === 'mkdir' || step === 'provider');
  if (missing || ABSENT.includes(code)) {
    refuse('tsm.absent', 'this machine gives no quotes', 'configfs-tsm with the driver of TDX', received, START);
  }
  if (code === 'ENOENT' || code === 'EEXIST') throw new Interference();
  if (FORBIDDEN.includes(code)) {
    refuse('tsm.permission', 'this process may not ask for a quote', 'write access to configfs', received, ALLOW);
  }
  return refuse('tsm.quote', 'there is no quote', 'a quote', received, REFUSALS[code] ?? 'dmesg of this machine may say why');
}
