/**
 * Tells what is at rest from what is just being written: a file may be read half-way through, or while it is gone for a
 * moment, and what stands in it then must neither be taken up nor be told.
 */
export class SeenTwice {
  #last: string | null = null;

  /** Whether the reading is the same as the one before. */
  isSame(reading: string): boolean {
    const isSame = this.#last === reading;
    this.#last = reading;
    return isSame;
  }
}
