// Compiles what plans will need before they are run, while the device trains something else.
import { plansIn, type Plans, type TokenSource } from '../executor.ts';
import type { Launch } from '../launches.ts';
import type { Choices } from './lower.ts';
import { memorySizes } from './memory.ts';
import { Pipelines } from './pipelines.ts';
import { draftsOfLaunch, textsOf } from './program.ts';

/**
 * Compiles the pipelines that an executor of `plans` will ask for, one after another: between any two of them the event
 * loop has its turn, and the device takes what training submits. Those that are not done when `signal` is aborted are
 * left to the executor. A kernel that the device does not compile is passed over: the executor will say so.
 * @param choicesOf the ways in which a launch may come to be done
 */
export async function compileAhead(
  plans: Plans,
  lanes: number,
  tokens: TokenSource,
  device: GPUDevice,
  choicesOf: (launch: Launch) => readonly Choices[],
  signal: AbortSignal,
): Promise<void> {
  const sizes = memorySizes(plans, lanes, tokens);
  const texts = textsOf(plans, sizes, tokens);
  const pipelines = Pipelines.of(device);
  for (const plan of plansIn(plans))
    for (const launch of [...plan.setup, ...plan.launches]) {
      // Browsers hold timers back by some milliseconds, which is welcome here.
      await new Promise((resolve) => setTimeout(resolve));
      for (const choices of choicesOf(launch))
        for (const { bindings, kernel } of draftsOfLaunch(plan, launch, sizes, texts, choices)) {
          if (signal.aborted) return;
          await pipelines.get(bindings, kernel.code).catch(() => undefined);
        }
    }
}
