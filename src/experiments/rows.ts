// From records to the table that fits read.
import { runFields, type RunField } from '../config/run.ts';
import type { RunRow } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { analysisOptions } from './experiment.ts';

const otherSettings: Sentence = {
  en: 'it was trained with other settings than most of these runs',
  zh: '其训练设置与大多数训练不同',
};
const skipped: Sentence = { en: 'the run was skipped', zh: '该训练已跳过' };

/** What is measured on the way changes no run. */
const MEASURED: RunField = 'noiseSequences';

/** The table, and the record behind each of its rows. */
export interface RecordTable extends TableAnalysis {
  readonly records: readonly RunRecord[];
}

/**
 * Records as rows. Runs that differ in a setting the experiment does not vary can't be compared: the settings that
 * most runs share are kept, the others left out with the reason.
 * @param varied settings that the experiment varies, or that only repeat a run
 */
export function tableOf(records: readonly RunRecord[], varied: readonly RunField[], options: AnalysisOptions = {}): RecordTable {
  const whole = analysisOptions(options);
  const fixed = runFields.filter((field) => field !== MEASURED && !varied.includes(field));
  const groups = new Map<string, RunRecord[]>();
  const left: { id: string; reason: Sentence }[] = [];
  for (const record of records) {
    if (record.status === 'skipped') {
      left.push({ id: record.id, reason: skipped });
      continue;
    }
    const key = JSON.stringify(fixed.map((field) => record.config[field]));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  const used = [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), [] as RunRecord[]);
  for (const group of groups.values()) if (group !== used) for (const { id } of group) left.push({ id, reason: otherSettings });
  const rows = used.map((record): RunRow => {
    const { N, D, C, S, lr, B, seed, status } = record;
    return { N: N[whole.count], D, C, S, lr, B, seed, loss: record[whole.loss] ?? NaN, run: record.id, status: rowStatus(status) };
  });
  return { options: whole, rows, ids: used.map((record) => record.id), left, records: used };
}

function rowStatus(status: RunRecord['status']): RunRow['status'] {
  return status === 'diverged' || status === 'failed' ? status : 'done';
}
