export type SqlValue = string | number | null;
export type SqlValues = readonly SqlValue[];
