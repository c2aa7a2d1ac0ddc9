import type { PackagedProgram } from './debian-programs.ts';

/** Programs that the long runs take out of Debian's packages where they are not installed. */
export const PROMETHEUS: PackagedProgram = { packageName: 'prometheus', program: 'prometheus' };
export const PROMTOOL: PackagedProgram = { packageName: 'prometheus', program: 'promtool' };
export const ALERTMANAGER: PackagedProgram = {
  packageName: 'prometheus-alertmanager',
  program: 'prometheus-alertmanager',
};
