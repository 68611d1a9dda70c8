import { Blockchain } from '@ton/sandbox';

/**
 * A sandbox with the prices and limits of the default configuration, a copy of mainnet's, and without its validator sets and
 * bridges: each message is then handled in two thirds of the time.
 */
export const createSandbox = (): Promise<Blockchain> => Blockchain.create({ config: 'slim' });
