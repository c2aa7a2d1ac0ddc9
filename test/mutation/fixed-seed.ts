import fc from 'fast-check';

/** The same examples for every mutant and in every run, so that the figures can be repeated. */
fc.configureGlobal({ seed: 20261123, endOnFailure: true });
