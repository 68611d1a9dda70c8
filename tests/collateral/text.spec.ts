/** What Intel signed is read to the last byte: SIMULATED collateral with one change each, signed again. */
import { packPostQeIdentity, packPostTcbInfo, COLLATERAL_ERRORS, QUOTE_ERRORS } from '../../wrappers';
import { AttestWorld, DAY, exitCodeAt } from '../attest/attestWorld';
import type { SimulatedCollateral } from '../../attest/simulated/collateral';
import { simulatedKey } from '../../attest/simulated/certificates';

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const issued = (options: Partial<SimulatedCollateral> = {}) => ({ issuedAt: world.chain.now! - 1, ...options });
const tcbInfo = async (options: Partial<SimulatedCollateral>) =>
  exitCodeAt((await world.postPart(packPostTcbInfo(world.collateralCells(issued(options))))).transactions, world.collateral);
const qeIdentity = async (options: Partial<SimulatedCollateral>) =>
  exitCodeAt((await world.postPart(packPostQeIdentity(world.collateralCells(issued(options))))).transactions, world.collateral);
const swap = (from: string | RegExp, to: string) => (text: string) => {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`nothing to change: ${String(from)}`);
  return changed;
};
const { json, otherPlatform, tooManyLevels, outOfTime, date } = COLLATERAL_ERRORS;

describe('TCB info', () => {
  it('is taken in every form that Intel gives it', async () => {
    const level = { sgx: Array.from({ length: 16 }, (_, i) => 15 * i), tdx: [255, 0, 100], pceSvn: 65535 };
    for (const options of [
      {}, { levels: [level, { ...level, status: 'OutOfDate', advisoryIds: ['INTEL-SA-00106', 'INTEL-SA-00115'] }] },
      { levels: ['SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDateConfigurationNeeded', 'Revoked'].map((status) => ({ status })) },
      { levels: Array.from({ length: 12 }, () => ({})) }, { change: swap(/"fmspc":"[0-9A-F]+"/, '"fmspc":"53494d554c41"') },
      { modules: [{ version: 3, levels: [{ isvSvn: 3, status: 'UpToDate' }] }, { version: 1, levels: [{ isvSvn: 4, status: 'UpToDate' }, { isvSvn: 2, status: 'OutOfDate' }] }] },
      { change: swap(/,"tdxModuleIdentities":\[.*\](?=,"tcbLevels":\[\{"tcb":\{"sgx)/, '') },
    ] as Partial<SimulatedCollateral>[]) {
      expect([JSON.stringify(options).slice(0, 60), await tcbInfo(options)]).toEqual([JSON.stringify(options).slice(0, 60), 0]);
      world = await AttestWorld.create();
    }
  });

  it.each<[string, Partial<SimulatedCollateral>, number]>([
    ['of another platform', { fmspc: Buffer.from('000000000001', 'hex') }, otherPlatform],
    ['of SGX', { change: swap('"id":"TDX",', '"id":"SGX",') }, json],
    ['of another version', { change: swap('"version":3', '"version":4') }, json],
    ['of another TCB type', { change: swap('"tcbType":0', '"tcbType":1') }, json],
    ['with another member', { change: swap('"tcbType":0', '"more":0,"tcbType":0') }, json],
    ['with white space', { change: swap('"version":3', '"version": 3') }, json],
    ['with a number of leading zeros', { change: swap('"tcbEvaluationDataNumber":17', '"tcbEvaluationDataNumber":017') }, json],
    ['with a number too long', { change: swap('Number":17', 'Number":1234567890') }, json],
    ['with a letter that is no digit', { change: swap('"pceId":"0000"', '"pceId":"000G"') }, json],
    ['with an SVN above 255', { change: swap('"svn":0', '"svn":256') }, json],
    ['with an SVN without digits', { change: swap('{"svn":0,', '{"svn":,') }, json],
    ['with an escape in a string that decides nothing', { change: swap('Simulated Update', 'Simulated \\"pdate') }, json],
    ['with an escaped letter in one', { change: swap('Simulated Update', 'Simul\\u0041ted') }, json],
    ['with a month 13', { change: swap(/"nextUpdate":"(\d+)-\d\d/, '"nextUpdate":"$1-13') }, date],
    ['with a local time', { change: swap(/("nextUpdate":"[^"]+)Z"/, '$1z"') }, json],
    ['with fifteen components', { change: swap('{"svn":0},', '') }, json],
    ['with an unknown status', { levels: [{ status: 'Fine' }] }, json],
    ['with an unknown status of a module', { modules: [{ version: 1, levels: [{ isvSvn: 1, status: 'SWHardeningNeeded' }] }] }, json],
    ['with another signer of a module', { change: swap('"id":"TDX_01","mrsigner":"0', '"id":"TDX_01","mrsigner":"1') }, json],
    ['with a mask of module attributes', { change: swap('"attributesMask":"F', '"attributesMask":"E') }, json],
    ['without levels', { levels: [] }, json],
    ['with thirteen levels', { levels: Array.from({ length: 13 }, () => ({})) }, tooManyLevels],
    ['with a TDX module of 41 levels', { modules: [{ version: 1, levels: Array.from({ length: 41 }, () => ({ isvSvn: 1, status: 'UpToDate' })) }] }, tooManyLevels],
    ['with text behind its end', { change: (text) => `${text} ` }, json],
    ['issued in the future', { issuedAt: 1_780_000_000 + DAY }, outOfTime],
    ['past its next update', { issuedAt: 1_780_000_000 - 31 * DAY }, outOfTime],
    ['signed by another name', { signer: { name: 'Intel SGX PCK Platform CA' } }, QUOTE_ERRORS.issuer],
    ['signed by a CA', { signer: { isCa: true } }, QUOTE_ERRORS.certificate],
    ['signed by who is no longer valid', { signer: { notAfter: 1_780_000_000 - 1 } }, QUOTE_ERRORS.noLongerValid],
  ])('%s is refused', async (_, options, code) => expect(await tcbInfo(options)).toBe(code));

  it('whose signer another key than the root\'s signed has no proof', () => {
    expect(() => world.collateralCells({ signer: { key: simulatedKey('somebody') } })).toThrow(/not valid/);
  });
});

describe('the identity of the quoting enclave', () => {
  it('is taken in the form that Intel gives it', async () => {
    expect(await qeIdentity({ qe: { levels: [{ isvSvn: 8, status: 'UpToDate' }, { isvSvn: 2, status: 'OutOfDate' }], miscSelect: '0000000a' } })).toBe(0);
  });

  it.each<[string, Partial<SimulatedCollateral>, number]>([
    ['of the SGX quoting enclave', { changeQe: swap('"TD_QE"', '"QE"') }, json],
    ['of another version', { changeQe: swap('"version":2', '"version":3') }, json],
    ['of another signer', { changeQe: swap('DC9E2A7C', 'DC9E2A7D') }, json],
    ['of another product', { changeQe: swap('"isvprodid":2', '"isvprodid":1') }, json],
    ['with an unknown status', { qe: { levels: [{ isvSvn: 1, status: 'SWHardeningNeeded' }] } }, json],
    ['without levels', { qe: { levels: [] } }, json],
    ['with more behind its end', { changeQe: (text) => `${text}\n` }, json],
    ['past its next update', { issuedAt: 1_780_000_000 - 31 * DAY }, outOfTime],
  ])('%s is refused', async (_, options, code) => expect(await qeIdentity(options)).toBe(code));

  it('is not taken for TCB info, nor TCB info for it', async () => {
    const cells = world.collateralCells(issued());
    const crossed = { ...cells, tcbInfo: cells.qeIdentity, qeIdentity: cells.tcbInfo };
    expect(exitCodeAt((await world.postPart(packPostTcbInfo(crossed))).transactions, world.collateral)).toBe(json);
    expect(exitCodeAt((await world.postPart(packPostQeIdentity(crossed))).transactions, world.collateral)).toBe(json);
  });
});
