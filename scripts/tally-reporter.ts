// Prints the one plain line that ends `npm test`: "N passed, N failed, N skipped".
import type { Reporter, TestModule } from 'vitest/node';

/** Counts every test of every project, and a file that failed to load as one failure. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state]++;
      }
      count.failed += module.errors().length;
    }
    console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}
