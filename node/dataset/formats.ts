/** Which files rows can be read from, by the end of their names. */

/** What rows are read from. Text may be packed: `rows.jsonl.gz`. */
export const FORMATS = ['.txt', '.md', '.jsonl', '.json', '.csv', '.tsv', '.parquet'] as const
export type Format = (typeof FORMATS)[number]
const PACKINGS = ['.gz', '.zst'] as const
export type Packing = (typeof PACKINGS)[number]

/** Null: rows cannot be read from such a file. */
export function formatOf(name: string): { format: Format; packing: Packing | null } | null {
  const packing = PACKINGS.find((ending) => name.endsWith(ending)) ?? null
  const plain = packing === null ? name : name.slice(0, -packing.length)
  const format = FORMATS.find((ending) => plain.endsWith(ending))
  return format === undefined ? null : { format, packing }
}

export const endings = () => `${FORMATS.join(', ')}, or such a one and ${PACKINGS.join(' or ')}`

/** What to do with a file that cannot be read. */
export function adviceFor(name: string): string {
  const sheet = /\.(xlsx?|ods|numbers)$/i.exec(name)?.[1]
  if (sheet === undefined) return `a dataset's file must end in ${endings()}`
  return (
    `spreadsheets (.${sheet}) are not read: save it as CSV, with the names of the columns in its ` +
    'first line'
  )
}
