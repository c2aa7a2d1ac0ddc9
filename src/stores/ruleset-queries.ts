/**
 * The SQL about rulesets and their activations, which every engine understands but for the names of parameters.
 * @param at names the parameter of a number, from 1
 */
export function rulesetQueries(at: (number: number) => string) {
  return {
    newest: 'SELECT number, content_hash FROM rulesets ORDER BY number DESC LIMIT 1',
    insert: `
      INSERT INTO rulesets (content_hash, files, registered_at_ms) VALUES (${at(1)}, ${at(2)}, ${at(3)}) RETURNING number`,
    find: `SELECT r.files, ${LISTED} WHERE r.number = CAST(${at(1)} AS bigint)`,
    active: `${ACTIVATION} ORDER BY a.sequence DESC LIMIT 1`,
    place: `SELECT sequence, version, beneath FROM ruleset_activations WHERE sequence = ${at(1)}`,
    newestPlace: 'SELECT sequence, version, beneath FROM ruleset_activations ORDER BY sequence DESC LIMIT 1',
    // What the gateway itself took back was left by nobody.
    left: `
      SELECT r.number AS version, r.content_hash, max(next.sequence) AS sequence
      FROM ruleset_activations AS a
        JOIN ruleset_activations AS next ON next.sequence = a.sequence + 1
        JOIN rulesets AS r ON r.number = a.version
      WHERE a.sequence >= (SELECT coalesce(max(sequence), 1) FROM ruleset_activations WHERE cause = 'folder')
        AND next.cause IN ('activation', 'rollback') AND r.content_hash <> ${at(1)}
      GROUP BY r.number, r.content_hash ORDER BY max(next.sequence)`,
    activate: `
      INSERT INTO ruleset_activations (sequence, version, cause, author, reason, at_ms, beneath)
      VALUES (${at(1)}, ${at(2)}, ${at(3)}, ${at(4)}, ${at(5)}, ${at(6)}, ${at(7)})`,
    list: `SELECT ${LISTED} WHERE r.number < CAST(${at(1)} AS bigint) ORDER BY r.number DESC LIMIT ${at(2)}`,
    activations: `
      ${ACTIVATION} WHERE a.sequence < CAST(${at(1)} AS bigint) ORDER BY a.sequence DESC LIMIT ${at(2)}`,
  } as const;
}

const ACTIVATION = `
  SELECT a.sequence, a.version, r.content_hash, a.cause, a.author, a.reason, a.at_ms,
    (SELECT at_ms FROM ruleset_activations WHERE sequence = a.sequence + 1) AS until_ms
  FROM ruleset_activations AS a JOIN rulesets AS r ON r.number = a.version`;

// In force at a stretch, several activations of one version are one time: it began with the first of them.
const LISTED = `
  r.number, r.content_hash, r.registered_at_ms, a.sequence, a.cause, a.author, a.reason, a.at_ms,
    (SELECT at_ms FROM ruleset_activations WHERE sequence = (
      SELECT max(sequence) + 1 FROM ruleset_activations WHERE version = r.number)) AS until_ms,
    CASE WHEN r.number = (SELECT version FROM ruleset_activations ORDER BY sequence DESC LIMIT 1)
      THEN 1 ELSE 0 END AS active
  FROM rulesets AS r LEFT JOIN ruleset_activations AS a ON a.sequence = (
    SELECT min(sequence) FROM ruleset_activations WHERE version = r.number AND sequence > coalesce((
      SELECT max(sequence) FROM ruleset_activations WHERE version <> r.number AND sequence < (
        SELECT max(sequence) FROM ruleset_activations WHERE version = r.number)), 0))`;
