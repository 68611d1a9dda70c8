import { ZkWorld } from '../../support/zkWorld';
import fs from 'node:fs';
it('x', async () => {
  const world = await ZkWorld.create();
  await world.open();
  world.chain.verbosity = { ...world.chain.verbosity, vmLogs: 'vm_logs_gas', print: false };
  const r = await world.prove();
  fs.writeFileSync('/work/notes/hZ1/v.log', (r.transactions[1] as any).vmLogs);
  fs.writeFileSync('/work/notes/hZ1/e.log', (r.transactions[2] as any).vmLogs);
});
