/** What whoever starts a gateway may decide, and what holds otherwise. */
import type { AccessRules } from './access';
import type { StreamTimes } from './eventStream';

export interface GatewaySettings extends AccessRules, StreamTimes {
  bodyBytes: number;
  connections: number;
  /** Requests whose answers are generated at once. */
  running: number;
  /** Requests that may wait for one of those. */
  waiting: number;
  /** Tokens of a chat's answer where the request says nothing. */
  defaultMaxTokens: number;
}

export const DEFAULT_SETTINGS: GatewaySettings = {
  hosts: [],
  origins: [],
  bodyBytes: 4 * 2 ** 20,
  connections: 256,
  running: 4,
  waiting: 64,
  defaultMaxTokens: 1024,
  keepAliveMillis: 10_000,
  stallMillis: 30_000,
};
