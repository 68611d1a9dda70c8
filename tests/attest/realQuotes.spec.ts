import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteCell } from '../../attest/cells';
import { parseQuote } from '../../attest/quote';
import { INTEL_ROOT, QUOTE_ERRORS } from '../../wrappers';
import { SandboxChecker, type Verdict } from '../../cli/attest/sandboxChecker';

interface Listed {
  file: string;
  version: number;
  pck: [string, string];
  fmspc: string;
  pceSvn: number;
  svn: number[];
  qeSvn: number;
  tdAttributes: string | null;
  reportData: string;
  debug: boolean;
  chainOk: boolean;
}
const FOLDER = join(__dirname, 'quotes');
const listed = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8')) as Listed[];
const bytesOf = ({ file }: Listed): Buffer => readFileSync(join(FOLDER, file));
const DAY = 86400;
const noon = (date: string): number => Date.parse(`${date}T12:00:00Z`) / 1000;
const inside = ({ pck: [from] }: Listed): number => noon(from) + DAY;
const tdx = listed.filter(({ file, chainOk }) => file.startsWith('tdx') && chainOk);
const hex = (x: bigint, bytes: number): string => x.toString(16).padStart(2 * bytes, '0');

describe('real TDX quotes, up to Intel\'s root', () => {
  let checker: SandboxChecker;
  beforeAll(async () => {
    checker = await SandboxChecker.create();
  });
  const verify = (quote: Buffer, now: number): Promise<Verdict> => checker.verify(quoteCell(parseQuote(quote), INTEL_ROOT), now);

  it.each(tdx.filter(({ tdAttributes }) => tdAttributes !== '0000000000000000'))('$file is accepted, and its facts are its own', async (of) => {
    const bytes = bytesOf(of);
    const verdict = await verify(bytes, inside(of));
    if (!verdict.accepted) throw new Error(`exit code ${verdict.exitCode}`);
    const { facts } = verdict;
    const { body } = parseQuote(bytes);
    expect(facts).toMatchObject({ version: BigInt(of.version), qe: { svn: BigInt(of.qeSvn) } });
    expect(hex(facts.platform.fmspc, 6)).toBe(of.fmspc);
    expect(facts.platform.pceSvn).toBe(BigInt(of.pceSvn));
    expect(hex(facts.platform.components, 32)).toBe(Buffer.from(of.svn.flatMap((svn) => [0, svn])).toString('hex'));
    expect(hex(facts.reportData, 32) + hex(facts.reportDataRest, 32)).toBe(of.reportData);
    expect(hex(facts.tdAttributes, 8)).toBe(of.tdAttributes);
    expect(hex(facts.teeTcbSvn, 16)).toBe(body.teeTcbSvn.toString('hex'));
    expect(facts.hasServiceTd).toBe(body.mrServiceTd?.some((byte) => byte !== 0) ?? false);
  });

  it('are refused where their TD attributes lack SEPT_VE_DISABLE', async () => {
    const refused = tdx.filter(({ tdAttributes }) => tdAttributes === '0000000000000000');
    expect(refused).toHaveLength(2);
    for (const of of refused) expect(await verify(bytesOf(of), inside(of))).toEqual({ accepted: false, exitCode: QUOTE_ERRORS.tdAttributes });
  });

  it('are refused before and after the PCK certificate is valid', async () => {
    const [of] = tdx;
    const cell = quoteCell(parseQuote(bytesOf(of)), INTEL_ROOT);
    expect(await checker.verify(cell, noon(of.pck[0]) - DAY)).toEqual({ accepted: false, exitCode: QUOTE_ERRORS.notYetValid });
    expect(await checker.verify(cell, noon(of.pck[1]) + DAY)).toEqual({ accepted: false, exitCode: QUOTE_ERRORS.noLongerValid });
    for (const year of [1999, 2050, 2051]) expect((await checker.verify(cell, noon(`${year}-06-01`))).accepted).toBe(false);
  });

  it('are refused where they are SGX quotes, cut short or garbage, by name', () => {
    const sgx = listed.find(({ file }) => file.startsWith('sgx'))!;
    expect(() => parseQuote(bytesOf(sgx))).toThrow(/this is an SGX quote/);
    const bytes = bytesOf(tdx[0]);
    expect(() => parseQuote(bytes.subarray(0, 700))).toThrow(/ends within its/);
    expect(() => parseQuote(Buffer.from('garbage'))).toThrow(/not a quote/);
    expect(() => parseQuote(Buffer.alloc(5000, 7))).toThrow(/not a quote of a known version/);
  });
});
