import { measureAttestation } from '../../bench/attestation';

describe('the figures of `bench attestation`', () => {
  it('keep their limits: a registration at most 165,000 gas over all contracts, a posting below 500,000', async () => {
    const report = await measureAttestation();
    expect(Object.keys(report)).toEqual(['registrationGas', 'chainGas', 'registrationMilliTon', 'collateralMaxGas']);
    expect(report.registrationGas).toBeLessThanOrEqual(165_000);
    expect(report.chainGas).toBeLessThan(report.registrationGas);
    expect(report.collateralMaxGas).toBeLessThan(500_000);
    expect(report.registrationMilliTon).toBeLessThan(110);
  });
});
