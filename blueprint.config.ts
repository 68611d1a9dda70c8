import type { Config } from '@ton/blueprint';

/** Tact options live in tact.config.json, which Blueprint, misti, tact-fmt and the tact CLI all read. */
export const config: Config = {};
