/** The data of banks-db, which ships no types of its own. */
declare module 'banks-db/banks/index.js' {
  interface Bank {
    readonly name: string;
    /** ISO 3166-1 alpha-2, in lower case. */
    readonly country: string;
    readonly localTitle: string;
    readonly engTitle: string;
    readonly prefixes: number | readonly number[];
  }
  const banks: readonly (readonly Bank[])[];
  export default banks;
}
