// A worker that trains one lane of the middle shape and answers pings, so that the page can measure how long its event
// loop keeps others waiting.
import { factoryOf } from './backends.ts';
import { startPopulation } from './engine.ts';
import { shapes } from './shapes.ts';

let training = false;
addEventListener(
  'message',
  (event: MessageEvent<{ kind: 'start'; backend: 'webgpu' | 'wasm' } | { kind: 'ping'; sent: number } | { kind: 'stop' }>) => {
    const { data } = event;
    if (data.kind === 'ping') postMessage(data.sent);
    else if (data.kind === 'stop') training = false;
    else
      void (async () => {
        const engine = await startPopulation('engine', shapes.middle, 1, 1, await factoryOf(data.backend));
        training = true;
        postMessage('training');
        while (training) await engine.run(20);
        engine.executor.dispose();
        close();
      })();
  },
);
