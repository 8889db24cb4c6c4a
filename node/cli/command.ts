/** Commands as they can be pasted where the user stands: in the clone, or outside of it. */
import { isAbsolute, join, relative } from 'node:path'
import { COMMAND } from '../command.ts'

const CLONE = join(import.meta.dirname, '../..')
/** A package has JavaScript. */
export const isPackage = import.meta.filename.endsWith('.js')

/** Told to whoever reads this process's output. @param args such as `verify runs/sea` */
export function command(args: string, folder = process.cwd()): string {
  if (isPackage) return `${COMMAND} ${args}`
  const path = relative(CLONE, folder)
  const isOutside = path.startsWith('..') || isAbsolute(path)
  const start = isOutside ? `npm run -s --prefix ${quoted(CLONE)} barnraise --` : COMMAND
  return `${start} ${args}`
}

/** A word for the shell, in quotes where it needs them. */
export function quoted(word: string): string {
  return /^[\w./@:,=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** Told to others, who have a Barnraise of their own. */
export const othersCommand = (args: string): string => `${COMMAND} ${args}`

export const joinCommand = (link: string): string => othersCommand(`join '${link}'`)
