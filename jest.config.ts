import type { Config } from 'jest';

/** Contracts run in jest with the sandbox (*.spec.ts); everything else runs in node:test (*.test.ts). */
const config: Config = {
  testEnvironment: '<rootDir>/tests/support/jestEnvironment.cjs',
  testMatch: ['<rootDir>/tests/**/*.spec.ts'],
  // Compiling Tact takes seconds, more on a busy machine.
  testTimeout: 60_000,
  setupFiles: ['<rootDir>/tests/support/jestSetup.ts'],
  moduleNameMapper: { '^\\./emulator-emscripten(\\.wasm)?\\.js$': '<rootDir>/tests/support/emulator.cjs' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/sdk'],
  transform: { '^.+\\.ts$': '<rootDir>/scripts/build/jestTransform.cjs' },
};

export default config;
