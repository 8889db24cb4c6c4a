/** A tokenizer that was made to take for ever is ended wherever Node opens it or asks it. */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type * as boundedThread from '../../node/bounded-thread.ts'
import { EMBEDDED_MODEL, openBaseModel, readCompanions } from '../../node/model/base-model.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import type { TextTokenizer } from '../../node/model/tokenizer.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { temporaryFolder } from './fixtures.ts'

vi.mock('../../node/bounded-thread.ts', async (original) => {
  const real = await original<typeof boundedThread>()
  return { ...real, BOUNDS: { ...real.BOUNDS, pieceMsMax: 300 } }
})

const FOR_EVER = '(?:[a-z]+ ?)+~'
const HARMFUL = 'all the words of a long and quiet sentence that has no end at all'

const cut = [
  { type: 'Split', pattern: { Regex: FOR_EVER }, behavior: 'Isolated', invert: false },
  { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
]
const replace = { type: 'Replace', pattern: { Regex: FOR_EVER }, content: '' }
const token = { content: HARMFUL, special: false, normalized: true, lstrip: false, rstrip: false }

/** The embedded model with parts of its tokenizer changed. */
async function baseWith(change: (json: { added_tokens: object[] }) => object): Promise<string> {
  const folder = await temporaryFolder()
  const names = [...(await readCompanions(EMBEDDED_MODEL)).keys(), 'model.safetensors']
  for (const name of names) await copyFile(join(EMBEDDED_MODEL, name), join(folder, name))
  const file = join(folder, 'tokenizer.json')
  const json = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...json, ...change(json) }))
  return folder
}

const DOORS: [name: string, open: (folder: string) => Promise<TextTokenizer>][] = [
  ['a base', async (folder) => (await closed(folder)).tokenizer],
  ['a model that writes', async (model) => (await openTextModel({ model })).tokenizer],
  ["a run's tokenizer", openTokenizer],
]

async function closed(folder: string) {
  const base = await openBaseModel(folder)
  base.close()
  return base
}

const TOO_LONG = /takes more than \d+ seconds: it is broken, or made to do harm/

for (const [name, open] of DOORS) {
  test(`${name}: a pattern that tries for ever`, async () => {
    const pre_tokenizer = { type: 'Sequence', pretokenizers: cut }
    const tokenizer = await open(await baseWith(() => ({ pre_tokenizer })))
    expect(tokenizer.encode('some words').length).toBeGreaterThan(1)
    expect(() => tokenizer.encode(HARMFUL)).toThrow(TOO_LONG)
    expect(() => tokenizer.encodeWhole(HARMFUL)).toThrow(
      expect.objectContaining({ name: 'ConfigError' }),
    )
  })

  test(`${name}: one that tries for ever to write words`, async () => {
    const decoder = { type: 'Sequence', decoders: [{ type: 'Fuse' }, replace] }
    const tokenizer = await open(await baseWith(() => ({ decoder })))
    const ids = tokenizer.encode(HARMFUL.replaceAll(' ', ''))
    expect(() => tokenizer.decode(ids)).toThrow(TOO_LONG)
  })

  test(`${name}: one that tries for ever before any text`, async () => {
    const opened = open(
      await baseWith(({ added_tokens }) => ({
        normalizer: replace,
        added_tokens: added_tokens.concat({ ...token, id: 2048, single_word: false }),
      })),
    )
    await expect(opened).rejects.toThrow(TOO_LONG)
  })
}
