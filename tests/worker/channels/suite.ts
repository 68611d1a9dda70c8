import { after, before } from 'node:test';
import type { LoadedEngine } from '../../../worker/engine';
import { WorkerWorld } from './conversationWorld';

/** The shipped model and an engine that has it. */
export type Loaded = Awaited<ReturnType<typeof WorkerWorld.loaded>>;

/**
 * What the tests of a suite share: the shipped model with its engine, there from the first test on, and whatever is added to `ends`, which is ended
 * after the last one, newest first. Call it inside `describe`.
 */
export function workerSuite(): { loaded: Loaded; ends: (() => unknown)[]; begin: (engine?: LoadedEngine) => Promise<WorkerWorld> } {
  const loaded = {} as Loaded;
  const ends: (() => unknown)[] = [];
  before(async () => void Object.assign(loaded, await WorkerWorld.loaded()));
  after(async () => {
    for (const end of ends.reverse()) await end();
    await loaded.engine.close();
  });
  const begin = async (engine = loaded.engine): Promise<WorkerWorld> => {
    const world = await WorkerWorld.create(loaded.model, engine);
    ends.push(() => world.end());
    return world;
  };
  return { loaded, ends, begin };
}
