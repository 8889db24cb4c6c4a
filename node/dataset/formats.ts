/** Which files rows can be read from, by the end of their names. */

/** What rows are read from. Text may be packed: `rows.jsonl.gz`. */
export const FORMATS = ['.txt', '.md', '.jsonl', '.json', '.parquet'] as const
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

const TO_LINES =
  'python3 -c "import csv, json, sys\nfor row in csv.DictReader(sys.stdin): print(json.dumps(row))"'

/** What to do with a file that cannot be read. */
export function adviceFor(name: string): string {
  const table = /\.(csv|tsv)$/i.exec(name)?.[1]
  if (table === undefined) return `a dataset's file must end in ${endings()}`
  const command = table === 'tsv' ? TO_LINES.replace('stdin)', "stdin, delimiter='\\t')") : TO_LINES
  return (
    `tables of type .${table} are not read yet. Make JSON Lines of it: ` +
    `${command} < ${name} > ${name.replace(/\.\w+$/, '.jsonl')}`
  )
}
