/**
 * Parts of documents that are written from the code, between `<!-- NAME -->` and `<!-- end -->`.
 * `REWRITE=1` writes them; without it they must be as they would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

const DOCUMENTS = join(import.meta.dirname, '../docs')
const PART = /<!-- ([\w. ]+) -->\n([\s\S]*?)<!-- end -->/g

export function readDocument(name: string): string {
  return readFileSync(join(DOCUMENTS, name), 'utf8')
}

/** All parts of a document must be these, no more and no fewer. */
export function checkParts(document: string, parts: Readonly<Record<string, string>>): void {
  const text = readDocument(document)
  const names = Array.from(text.matchAll(PART), ([, name]) => name)
  expect(names.sort(), `the parts of ${document}`).toEqual(Object.keys(parts).sort())
  const rewritten = text.replace(PART, (_, name: string) => {
    return `<!-- ${name} -->\n${parts[name]}\n<!-- end -->`
  })
  if (process.env.REWRITE === '1') writeFileSync(join(DOCUMENTS, document), rewritten)
  else expect(text).toBe(rewritten)
}
