/** Something in a journal that is not as the product leaves it. */
export interface Finding {
  /** Table, authorization, event or seal. */
  readonly where: string;
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Takes findings one by one, so that no number of them fills the memory. */
export type Report = (finding: Finding) => void;

/** Somebody, or a disk, changed what is never changed. */
export const RESTORE = 'keep this journal as evidence and put it back from a backup';
/** What is stored contradicts what is told of it: only the provider knows which is true. */
export const COMPARE = 'compare it with the provider before anything is done with it';
