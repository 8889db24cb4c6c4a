/** CITATION.cff is what the Citation File Format 1.2.0 asks for, and cites this version. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

/** Keys of the schema, https://citation-file-format.github.io/1.2.0/schema.json. */
const KEYS = [
  'abstract',
  'authors',
  'cff-version',
  'commit',
  'contact',
  'date-released',
  'doi',
  'identifiers',
  'keywords',
  'license',
  'license-url',
  'message',
  'preferred-citation',
  'references',
  'repository',
  'repository-artifact',
  'repository-code',
  'title',
  'type',
  'url',
  'version',
]

test('CITATION.cff is valid, and cites this version under this licence', () => {
  const cited = parse(readFileSync('CITATION.cff', 'utf8'))
  const { version, license } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(cited).toMatchObject({ 'cff-version': '1.2.0', type: 'software', version, license })
  for (const needed of ['message', 'title']) expect(cited[needed]).toMatch(/\w/)
  expect(cited.authors.length).toBeGreaterThan(0)
  for (const author of cited.authors) expect(Object.keys(author)).toEqual(['name'])
  expect(Object.keys(cited).filter((key) => !KEYS.includes(key))).toEqual([])
})
