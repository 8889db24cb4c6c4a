/** A run.yaml with a word on each key, to be read and changed by whoever hosts the run. */
import { stringify } from 'yaml'
import { meanings, type RunYamlInput } from './run-keys.ts'

const COLUMNS_MAX = 100

/**
 * @param schema where the schema of run.yaml is, for editors that check while one writes
 * @param head lines of a comment above all
 */
export function writeRunYaml(
  input: RunYamlInput,
  schema: string,
  head: readonly string[] = [],
): string {
  const parts = meanings().flatMap(([key, meaning]) => {
    const value = input[key]
    if (value === undefined) return []
    const comment = wrapped(meaning, COLUMNS_MAX - 2).map((line) => `# ${line}\n`)
    return [comment.join('') + stringify({ [key]: value }, { lineWidth: 0 }).trimEnd()]
  })
  return [
    `# yaml-language-server: $schema=${schema}`,
    ...head.map((line) => `# ${line}`.trimEnd()),
    '',
    `${parts.join('\n')}\n`,
  ].join('\n')
}

/** Lines of at most `columns`, but for a single word that is longer. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`
    } else lines.push(word)
  }
  return lines
}
