import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/tests/drills/', '<rootDir>/dist/'],
  // A real Unleash server runs as a process of its own: Jest need not look at its 25,000 files.
  modulePathIgnorePatterns: [
    '<rootDir>/dist/',
    '<rootDir>/.banyan/',
    '<rootDir>/tests/unleash/node_modules/',
  ],
  globalSetup: '<rootDir>/tests/support/start-postgres.ts',
  globalTeardown: '<rootDir>/tests/support/stop-postgres.ts',
  maxWorkers: 2,
  testTimeout: 30_000,
};

export default config;
