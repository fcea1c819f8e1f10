// A worker with a population of its own, which does as many steps as it is told and answers how long they took.
import { factoryOf } from './backends.ts';
import { startPopulation } from './engine.ts';
import { shapes } from './shapes.ts';

const engine = await startPopulation('engine', shapes.small, 1, 1, await factoryOf('wasm'));
addEventListener('message', (event: MessageEvent<number>) => {
  const began = performance.now();
  void engine.run(event.data).then(() => postMessage(performance.now() - began));
});
postMessage(0);
