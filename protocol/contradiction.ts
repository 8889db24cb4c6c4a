/** What of a RunConfig contradicts another part of it, the value that it must have, and has. */
export type Contradiction = [broken: boolean, field: string, rule: string, current: unknown]
