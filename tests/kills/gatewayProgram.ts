// A client that buys answers as a process of its own, to be killed: `<JSON of GatewayRole>`. Notes what it hands to its application.
import { openSync, writeSync } from 'node:fs';
import { ClientStore } from '../../gateway/channel/clientStore';
import { openModel } from '../../worker/engine';
import { NOW } from '../worker/channels/conversationWorld';
import { TINY_MODEL } from '../support/marketplace';
import { askFor, clientOf, type GatewayParties } from './gatewayClient';

export interface GatewayRole extends GatewayParties {
  store: string;
  /** File of lines `seq dueNano`: what an application was given. */
  log: string;
  lanes: number;
}

const role = JSON.parse(process.argv[2]) as GatewayRole;
const log = openSync(role.log, 'a');
const backend = clientOf(role, openModel(TINY_MODEL).model, ClientStore.open(role.store, () => NOW));
const lane = async (name: number): Promise<void> => {
  for (let count = 0; ; count++) await askFor(backend, name % 2 === 0 ? 8 : 96, name * 1_000 + count, ({ seq, dueNano }) => void writeSync(log, `${seq} ${dueNano}\n`));
};
Promise.all(Array.from({ length: role.lanes }, (_, name) => lane(name))).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
