import {
  discountedUcb,
  PRIORITY,
  ROUND_ROBIN,
  STATIC_BEST,
  slidingWindowUcb,
  thompson,
} from './plain-policies.ts';
import { pointsman } from './pointsman-policy.ts';
import type { NamedPolicy } from './policy.ts';
import { successRateWindow } from './success-rate-window.ts';

/** What is compared. The last one's floor is what a rule has by default: its price stands beside the one without. */
export const ALL_POLICIES: readonly NamedPolicy[] = [
  PRIORITY,
  STATIC_BEST,
  ROUND_ROBIN,
  successRateWindow(false),
  successRateWindow(true),
  slidingWindowUcb(2000),
  discountedUcb(0.998),
  thompson(0.9995),
  thompson(0.9998),
  pointsman(0),
  pointsman(0.02),
];
