/**
 * What a process that a test starts has of our environment: where programs are, and where Node keeps what it made of
 * the sources. A variable of the shell must not change what is tested.
 */
export function bareEnvironment(): Readonly<Record<string, string>> {
  const compiled = process.env['NODE_COMPILE_CACHE'];
  return {
    PATH: process.env['PATH'] ?? '',
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
  };
}
