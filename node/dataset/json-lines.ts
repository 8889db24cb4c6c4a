/** JSON Lines: a document a line, `{"text": "..."}`; other keys are ignored. */
import { z } from 'zod'
import { ConfigError } from '../../protocol/errors.ts'

const rowSchema = z.looseObject({ text: z.string() })

/** @throws ConfigError with the file and the line of the first row that is not such an object. */
export function* parseJsonLines(
  lines: string,
  file: string,
): Generator<{ name: string; text: string }> {
  let line = 0
  for (const row of lines.split('\n')) {
    line++
    const name = `${file}:${line}`
    if (row.trim() !== '') yield { name, text: textOf(row, name) }
  }
}

function textOf(row: string, name: string): string {
  let value: unknown
  try {
    value = JSON.parse(row)
  } catch (error) {
    throw new ConfigError(`Cannot read ${name}: ${(error as Error).message}`)
  }
  const result = rowSchema.safeParse(value)
  if (!result.success) {
    throw new ConfigError(`Cannot read ${name} as a row must be an object with a string 'text'`)
  }
  return result.data.text
}
