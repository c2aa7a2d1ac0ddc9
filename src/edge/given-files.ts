/** The files of a ruleset that a body holds, by name, without those that it leaves out. */
export function givenFiles(
  files: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
