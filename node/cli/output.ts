/** Data on stdout: for people, or one JSON value a line. */

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** What people read. */
export interface Printer {
  line(text?: string): void
  /** Rows of two columns, the first padded. */
  table(rows: readonly (readonly [string, string])[]): void
  /** A table of figures: names to the left, the rest to the right. */
  columns(rows: readonly (readonly string[])[]): void
}

function printerOn(stream: NodeJS.WriteStream): Printer {
  const line = (text = '') => void stream.write(`${text}\n`)
  return {
    line,
    table(rows) {
      const width = Math.max(...rows.map(([name]) => name.length))
      for (const [name, value] of rows) line(`${name.padEnd(width)}  ${value}`)
    },
    columns(rows) {
      const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
      for (const row of rows) {
        const cells = row.map((text, i) =>
          i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!),
        )
        line(cells.join('  '))
      }
    },
  }
}

export const {
  line: printLine,
  table: printTable,
  columns: printColumns,
} = printerOn(process.stdout)

/** Where stdout is for a program, people read beside it. */
export const printerFor = ({ json }: { json?: boolean }): Printer =>
  printerOn(json ? process.stderr : process.stdout)

/** A program that listens is told again only what is new. */
export function whenChanged<T>(tell: (value: T) => void): (value: T) => void {
  let told = ''
  return (value) => {
    const text = JSON.stringify(value)
    if (text !== told) tell(value)
    told = text
  }
}
