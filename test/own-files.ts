/** The project's own files: those that git would keep, also where there is no git. */
import { globSync, readFileSync } from 'node:fs'
import { join, matchesGlob, sep } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
/** What .gitignore names: one with a slash within it is a place, another a name anywhere. */
const IGNORED = readFileSync(join(ROOT, '.gitignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.replace(/\/$/, ''))
  .map((line) => (line.includes('/') ? line : `**/${line}`))

/** Paths from the root, with `/`, of those that the pattern matches. */
export function ownFiles(pattern: string): string[] {
  const exclude = ['**/.git', ...IGNORED]
  return globSync(pattern, {
    cwd: ROOT,
    exclude: (path) => exclude.some((ignored) => matchesGlob(path, ignored)),
  })
    .map((path) => path.replaceAll(sep, '/'))
    .sort()
}
