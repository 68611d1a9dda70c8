import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AttestationError } from '../../attest/errors';
import { tdxQuote, type TsmFiles } from '../../attest/tsm';

const ROOT = '/sys/kernel/config/tsm/report';
const reportData = Buffer.from(Array.from({ length: 64 }, (_, i) => i * 3));
const others = Buffer.alloc(64, 0xee);

type Step = 'mkdir' | 'provider' | 'generation' | 'inblob' | 'outblob' | 'rmdir';

interface Report {
  generation: number;
  inblob?: Buffer;
  /** the last quote and the generation it was made of */
  quote?: { of: number; bytes: Buffer };
}

const failure = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });
const simulatedQuote = (data: Buffer): Buffer => Buffer.concat([Buffer.from('simulated quote of '), data]);

/** Simulated configfs-tsm of a TDX guest, as Documentation/ABI/testing/configfs-tsm-report and drivers/virt/coco of Linux have it. */
class SimulatedConfigfs implements TsmFiles {
  readonly reports = new Map<string, Report>();
  readonly steps: Step[] = [];
  provider: string | undefined = 'tdx_guest';
  makeQuote = simulatedQuote;
  /** runs before every step: may throw, or be the other process */
  before: (step: Step, directory: string) => void = () => undefined;

  async mkdir(directory: string): Promise<void> {
    this.step('mkdir', directory);
    if (!directory.startsWith(`${ROOT}/`)) throw failure('ENOENT');
    if (this.provider === undefined) throw failure('ENXIO');
    if (this.reports.has(directory)) throw failure('EEXIST');
    this.reports.set(directory, { generation: 0 });
  }

  async readFile(path: string): Promise<Buffer> {
    const [report, name] = this.open(path);
    if (name === 'provider') return Buffer.from(`${this.provider}\n`);
    if (name === 'generation') return Buffer.from(`${report.generation}\n`);
    if (name !== 'outblob') throw failure('EACCES');
    if (report.quote?.of !== report.generation) {
      if (report.inblob?.length !== 64) throw failure('EINVAL');
      report.quote = { of: report.generation, bytes: this.makeQuote(report.inblob) };
    }
    return report.quote.bytes;
  }

  async writeFile(path: string, data: Uint8Array, { flag }: { flag: number }): Promise<void> {
    const [report, name] = this.open(path);
    if (name !== 'inblob' || flag !== constants.O_WRONLY) throw failure('EACCES');
    if (data.length > 64) throw failure('EFBIG');
    this.write(report, data);
  }

  async rmdir(directory: string): Promise<void> {
    this.step('rmdir', directory);
    if (!this.reports.delete(directory)) throw failure('ENOENT');
  }

  write(report: Report, data: Uint8Array): void {
    report.inblob = Buffer.from(data);
    report.generation++;
  }

  count(step: Step): number {
    return this.steps.filter((one) => one === step).length;
  }

  private open(path: string): [Report, Step] {
    const cut = path.lastIndexOf('/');
    const [directory, name] = [path.slice(0, cut), path.slice(cut + 1) as Step];
    this.step(name, directory);
    const report = this.reports.get(directory);
    if (!report || !['provider', 'generation', 'inblob', 'outblob'].includes(name)) throw failure('ENOENT');
    return [report, name];
  }

  private step(step: Step, directory: string): void {
    this.steps.push(step);
    this.before(step, directory);
  }
}

/** Fails `step` with `code` each time. */
function failing(step: Step, code: string): SimulatedConfigfs {
  const fs = new SimulatedConfigfs();
  fs.before = (now) => {
    if (now === step) throw failure(code);
  };
  return fs;
}

/** Another process acts just before the first `times` reads of `step` in a directory that was written to. */
function disturbed(step: Step, act: (fs: SimulatedConfigfs, report: Report, directory: string) => void, times = 1): SimulatedConfigfs {
  const fs = new SimulatedConfigfs();
  fs.before = (now, directory) => {
    const report = fs.reports.get(directory);
    if (now === step && report?.inblob && times-- > 0) act(fs, report, directory);
  };
  return fs;
}

async function refused(call: Promise<unknown>, code: string, ...words: RegExp[]): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof AttestationError, String(error));
    assert.equal(error.code, `attest.tsm.${code}`);
    for (const word of words) assert.match(error.message, word);
    return true;
  });
}

async function refusedAndRemoved(fs: SimulatedConfigfs, code: string, ...words: RegExp[]): Promise<void> {
  await refused(tdxQuote(reportData, { fs }), code, ...words);
  assert.equal(fs.reports.size, 0);
}

async function quotedAtAttempt(fs: SimulatedConfigfs, attempts: number): Promise<void> {
  assert.deepEqual(await tdxQuote(reportData, { fs }), simulatedQuote(reportData));
  assert.equal(fs.count('mkdir'), attempts);
  assert.equal(fs.reports.size, 0);
}

test('a simulated kernel hands out the quote of the report data, and the directory is removed', async () => {
  const fs = new SimulatedConfigfs();
  await quotedAtAttempt(fs, 1);
  assert.deepEqual(fs.steps, ['mkdir', 'provider', 'generation', 'inblob', 'outblob', 'generation', 'rmdir']);
});

test('requests at the same time use directories of their own', async () => {
  const fs = new SimulatedConfigfs();
  const asked = Array.from({ length: 8 }, (_, i) => Buffer.alloc(64, i));
  const quotes = await Promise.all(asked.map((data) => tdxQuote(data, { fs })));
  assert.deepEqual(quotes, asked.map(simulatedQuote));
  assert.equal(fs.count('mkdir'), 8);
  assert.equal(fs.reports.size, 0);
});

test('report data of another length than 64 bytes is refused before the kernel is asked', async () => {
  for (const length of [0, 32, 63, 65]) {
    const fs = new SimulatedConfigfs();
    await refused(tdxQuote(new Uint8Array(length), { fs }), 'report-data', /64 bytes/, new RegExp(`received ${length} bytes`));
    assert.deepEqual(fs.steps, []);
  }
});

test('without configfs-tsm the error says which machine and kernel are needed', async () => {
  const real = await mkdtemp(join(tmpdir(), 'tsm-'));
  try {
    await refused(tdxQuote(reportData, { root: join(real, 'tsm', 'report') }), 'absent', /ENOENT from mkdir/, /TDX guest with Linux 6\.7/);
    await refused(tdxQuote(reportData, { root: real }), 'absent', /ENOENT from provider/);
    assert.deepEqual(await readdir(real), []);
  } finally {
    await rm(real, { recursive: true });
  }
});

test('without the driver of the TDX guest the error says how to load it', async () => {
  const fs = new SimulatedConfigfs();
  fs.provider = undefined;
  await refusedAndRemoved(fs, 'absent', /ENXIO from mkdir/, /modprobe tdx_guest/);
  await refusedAndRemoved(failing('provider', 'ENXIO'), 'absent', /ENXIO from provider/);
  await refusedAndRemoved(failing('outblob', 'ENOTTY'), 'absent', /ENOTTY from outblob/);
});

test('a process that may not write to configfs is told to run as root', async () => {
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    for (const step of ['mkdir', 'provider', 'generation', 'inblob', 'outblob'] as const) {
      await refusedAndRemoved(failing(step, code), 'permission', new RegExp(`${code} from ${step}`), /run as root/);
    }
  }
});

test('another kind of enclave is refused by its name and gets no report data', async () => {
  for (const provider of ['sev_guest', 'arm_cca_guest', 'tdx_guest2', '']) {
    const fs = new SimulatedConfigfs();
    fs.provider = provider;
    await refusedAndRemoved(fs, 'provider', /expected tdx_guest/, new RegExp(`received ${provider}`));
    assert.equal(fs.count('inblob'), 0);
    assert.equal(fs.count('mkdir'), 1);
  }
});

test('what the kernel or the host refuses is reported with its reason, asked for once', async () => {
  const reasons = {
    EIO: /host refused/,
    EBUSY: /earlier request/,
    EINTR: /signal/,
    ETIMEDOUT: /in time/,
    EFBIG: /larger/,
    EINVAL: /dmesg/,
  };
  for (const [code, reason] of Object.entries(reasons)) {
    const fs = failing('outblob', code);
    await refusedAndRemoved(fs, 'quote', new RegExp(`${code} from outblob`), reason);
    assert.equal(fs.count('outblob'), 1);
  }
  for (const step of ['mkdir', 'generation', 'inblob'] as const) {
    await refusedAndRemoved(failing(step, 'ENOMEM'), 'quote', new RegExp(`ENOMEM from ${step}`));
  }
});

test('an empty quote is a refusal of the host', async () => {
  const fs = new SimulatedConfigfs();
  fs.makeQuote = () => Buffer.alloc(0);
  await refusedAndRemoved(fs, 'quote', /0 bytes/, /host refused/);
});

test('a generation that is no number is refused', async () => {
  for (const text of ['', '-1', '1 2', 'x']) {
    const fs = new SimulatedConfigfs();
    const readFile = fs.readFile.bind(fs);
    fs.readFile = async (path) => (path.endsWith('/generation') ? Buffer.from(text) : readFile(path));
    await refusedAndRemoved(fs, 'generation', /a number/);
  }
});

test('when another process writes between our write and our read, the quote is asked for again', async () => {
  await quotedAtAttempt(disturbed('outblob', (fs, report) => fs.write(report, others)), 2);
});

test('when another process writes the same report data, the quote is asked for again', async () => {
  await quotedAtAttempt(disturbed('outblob', (fs, report) => fs.write(report, reportData)), 2);
});

test('when the short report data of another process makes the kernel refuse, the quote is asked for again', async () => {
  await quotedAtAttempt(disturbed('outblob', (fs, report) => fs.write(report, others.subarray(32))), 2);
});

test('when another process writes after our read, the quote is asked for again', async () => {
  await quotedAtAttempt(disturbed('generation', (fs, report) => fs.write(report, others)), 2);
});

test('when the write of the report data is lost, the quote of older data is not taken', async () => {
  const fs = new SimulatedConfigfs();
  const writeFile = fs.writeFile.bind(fs);
  let lost = 1;
  fs.writeFile = async (path, data, options) => (lost-- > 0 ? undefined : writeFile(path, data, options));
  await quotedAtAttempt(fs, 2);
});

test('when another process removes the directory, the quote is asked for again in a new one', async () => {
  for (const step of ['outblob', 'generation'] as const) {
    await quotedAtAttempt(disturbed(step, (fs, _, directory) => fs.reports.delete(directory)), 2);
  }
  for (const step of ['generation', 'inblob'] as const) {
    const fs = new SimulatedConfigfs();
    let times = 1;
    fs.before = (now, directory) => {
      if (now === step && times-- > 0) fs.reports.delete(directory);
    };
    await quotedAtAttempt(fs, 2);
  }
});

test('when another process holds the name of the directory, another name is used and its directory stays', async () => {
  const fs = new SimulatedConfigfs();
  fs.before = (step, directory) => {
    if (step === 'mkdir' && fs.reports.size === 0) fs.reports.set(directory, { generation: 7 });
  };
  assert.deepEqual(await tdxQuote(reportData, { fs }), simulatedQuote(reportData));
  assert.deepEqual([...fs.reports.values()], [{ generation: 7 }]);
});

test('the last of five attempts still gives a quote, and after five disturbed ones the error says so', async () => {
  const act = (fs: SimulatedConfigfs, report: Report): void => fs.write(report, others);
  await quotedAtAttempt(disturbed('outblob', act, 4), 5);
  const fs = disturbed('outblob', act, Infinity);
  await refusedAndRemoved(fs, 'busy', /another process/, /5 disturbed/);
  assert.equal(fs.count('mkdir'), 5);
  assert.equal(fs.count('rmdir'), 5);
});

test('a directory that cannot be removed neither loses the quote nor hides an error', async () => {
  const fs = failing('rmdir', 'EBUSY');
  assert.deepEqual(await tdxQuote(reportData, { fs }), simulatedQuote(reportData));
  fs.makeQuote = () => {
    throw failure('EIO');
  };
  await refused(tdxQuote(reportData, { fs }), 'quote', /EIO from outblob/);
});

test('an error that is not of the kernel comes through as it is, and the directory is removed', async () => {
  for (const step of ['provider', 'generation', 'inblob', 'outblob'] as const) {
    const fs = new SimulatedConfigfs();
    const mistake = new TypeError('simulated');
    fs.before = (now) => {
      if (now === step) throw mistake;
    };
    await assert.rejects(tdxQuote(reportData, { fs }), (error) => error === mistake);
    assert.equal(fs.reports.size, 0);
  }
});
