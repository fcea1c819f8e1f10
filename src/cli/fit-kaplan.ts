// `lab fit kaplan`: all of Kaplan's laws, each with its own status under `laws`.
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import { fitKaplan, type KaplanLaw } from '../laws/kaplan.ts';
import type { Table } from '../laws/table.ts';
import { objectiveNamed, type FitArguments } from './fit-arguments.ts';
import type { LawAnswer } from './fit-laws.ts';

/** Fits the laws that the table carries. */
export function fitKaplanTo({ rows }: Table, args: FitArguments, bootstrap: BootstrapOptions): LawAnswer {
  const { criticalBatch, objective, language } = args;
  const fit = fitKaplan(rows, {
    objective: objectiveNamed(objective ?? 'ls'),
    bootstrap,
    ...(criticalBatch === undefined ? {} : { criticalBatch }),
  });
  const lawOf = ({ status, message, parameters, used, jointly, bootstrap: unit }: KaplanLaw): Readonly<Record<string, unknown>> => ({
    status,
    message: message[language],
    parameters,
    rows: used.length,
    ...(jointly === undefined ? {} : { jointly }),
    ...(unit === undefined ? {} : { bootstrap: unit }),
  });
  return {
    fit,
    extra: {
      laws: Object.fromEntries(Object.entries(fit.laws).map(([name, law]) => [name, lawOf(law)])),
      correctedBy: fit.correctedBy ?? null,
      criticalBatch: fit.criticalBatch ?? null,
      optimum: fit.optimum ?? null,
    },
  };
}
