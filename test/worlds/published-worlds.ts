import type { PaymentWorld } from './payment-world.ts';

/** Problem 1 of SMPyBandits: three arms, five thousand steps, a change each thousand. */
export const PROBLEM_1: PaymentWorld = {
  name: 'problem 1',
  about: 'SMPyBandits, problem 1',
  providers: ['one', 'two', 'three'],
  phases: [
    { until: 1000, means: [0.3, 0.5, 0.9] },
    { until: 2000, means: [0.3, 0.2, 0.9] },
    { until: 3000, means: [0.3, 0.2, 0.1] },
    { until: 4000, means: [0.7, 0.2, 0.1] },
    { until: 5000, means: [0.7, 0.5, 0.1] },
  ],
};
