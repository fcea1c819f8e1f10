// Runs in a real browser's IndexedDB: what is put is there after the store is opened again, also where room runs out.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expandSweep, parseSweep, sweepId, type SweepConfig } from '../../src/config/sweep.ts';
import { toRecord, type RunRecord } from '../../src/sweep/record.ts';
import { BrowserStore } from '../../src/sweep/store-browser.ts';

const sweepOf = (name: string, learningRate: number[]): SweepConfig =>
  parseSweep({ name, base: { context: 8, tokens: 800 }, grids: [{ axes: { learningRate } }] });

const recordsOf = (sweep: SweepConfig): RunRecord[] =>
  expandSweep(sweep).map((run) =>
    toRecord({
      run,
      outcome: { status: 'finished', finalLoss: 2, smoothedTrainLoss: 2, parameters: new Float32Array(0) },
      facts: undefined,
      report: { backend: 'wasm', engine: 'reference', device: 'CPU' },
      curve: [[1, 16, 3]],
      validation: [],
      seconds: 1,
    }),
  );

let names = 0;
const stores: BrowserStore[] = [];
const connect = async (name: string): Promise<BrowserStore> => {
  const store = await BrowserStore.connect(name);
  stores.push(store);
  return store;
};

afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of stores.splice(0)) await store.close();
});

describe('the store of the browser', () => {
  it('has records, parameters and progress after a reload', async () => {
    const name = `store-${names++}`;
    const sweep = sweepOf('one', [0.1, 0.2, 0.3]);
    const records = recordsOf(sweep);
    const before = await connect(name);
    await before.open(sweep);
    await before.putProgress(records.map(({ id, curve }) => ({ id, curve, validation: [] })));
    expect(await before.put(records[0], Float32Array.of(1.5, -2))).toEqual({});
    expect(await before.put(records[1])).toEqual({});
    await before.close();

    const after = await connect(name);
    await after.open(sweep);
    expect(await after.all()).toEqual([records[0], records[1]]);
    expect(await after.parameters(records[0].id)).toEqual(Float32Array.of(1.5, -2));
    expect(await after.parameters(records[1].id)).toBeUndefined();
    // A run that has ended has no progress any more.
    expect(await after.progress()).toEqual([{ id: records[2].id, curve: records[2].curve, validation: [] }]);
  });

  it('lists sweeps, shares their runs, and forgets only what no other has', async () => {
    const store = await connect(`store-${names++}`);
    const [one, two] = [sweepOf('one', [0.1, 0.2]), sweepOf('two', [0.2, 0.3])];
    await store.open(one);
    for (const record of recordsOf(one)) await store.put(record);
    await store.open(two);
    expect((await store.all()).map((record) => record.lr)).toEqual([0.2]);
    expect(await store.sweeps()).toMatchObject([
      { id: sweepId(two), runs: 2, recorded: 1 },
      { id: sweepId(one), runs: 2, recorded: 2 },
    ]);
    await store.removeSweep(sweepId(one));
    expect((await store.all()).map((record) => record.lr)).toEqual([0.2]);
    const grown = sweepOf('two', [0.1, 0.2, 0.3]);
    await store.open(grown, sweepId(two));
    expect((await store.sweeps()).map((entry) => entry.id)).toEqual([sweepId(grown)]);
    // 0.1 went with the sweep that had it.
    expect((await store.all()).map((record) => record.lr)).toEqual([0.2]);
    await store.removeRun((await store.all())[0].id);
    expect(await store.all()).toEqual([]);
  });

  it('gives up parameters first when room runs out, then keeps records in memory, and says so once', async () => {
    const store = await connect(`store-${names++}`);
    const sweep = sweepOf('full', [0.1, 0.2, 0.3, 0.4]);
    const records = recordsOf(sweep);
    await store.open(sweep);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the store it belongs to
    const put = IDBObjectStore.prototype.put;
    let refuse: readonly string[] = ['parameters'];
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args: [unknown]) {
      if (refuse.includes(this.name)) throw new DOMException('no room', 'QuotaExceededError');
      return put.apply(this, args);
    });
    const first = await store.put(records[0], Float32Array.of(1));
    expect(first.notice?.en).toContain('trained parameters are not');
    expect(await store.put(records[1], Float32Array.of(2))).toEqual({});
    expect(await store.parameters(records[1].id)).toEqual(Float32Array.of(2));
    refuse = ['parameters', 'records'];
    expect((await store.put(records[2], Float32Array.of(3))).notice?.en).toContain('no room left');
    expect(await store.put(records[3])).toEqual({});
    expect((await store.all()).map((record) => record.id)).toEqual(records.map((record) => record.id));
    refuse = [];
    await store.put(records[2]);
    vi.restoreAllMocks();
    expect(await store.sweeps()).toMatchObject([{ runs: 4, recorded: 4 }]);
  });
});
