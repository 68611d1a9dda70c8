import type { App } from '../types';

export function createApp(_host: { now(): number }): App {
  throw new Error('not wired');
}
