/** Inputs that were faults once, kept to be read again: a file for each, named by its digest. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../../protocol/index.ts'
import type { Finding, Job } from './thread.ts'

const FOLDER = join(import.meta.dirname, 'corpus')
const NAME_DIGITS = 12

export function keep({ target, input }: Finding): void {
  const folder = join(FOLDER, target)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, digestOf(input).slice(0, NAME_DIGITS)), input)
}

export function keptInputs(): Job[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: target }) =>
      readdirSync(join(FOLDER, target)).map((name) => ({
        target,
        kept: new Uint8Array(readFileSync(join(FOLDER, target, name))),
      })),
    )
}
