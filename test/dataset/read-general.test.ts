/** The general text is cut in a thread, which a tokenizer cannot keep for ever. */
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BOUNDS } from '../../node/bounded-thread.ts'
import { generalSequences } from '../../node/dataset/general-sequences.ts'
import { readGeneral } from '../../node/dataset/read-general.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { exampleConfig } from '../protocol/example-config.ts'

const tokenizer = await openTokenizer(EMBEDDED_MODEL)
const { base } = exampleConfig()
const config = {
  ...exampleConfig(),
  base: { ...base, shape: { ...base.shape, vocabSize: tokenizer.vocabSize } },
}

test('it gives what cutting it here gives', async () => {
  expect(await readGeneral({ folder: EMBEDDED_MODEL, config })).toEqual(
    generalSequences(tokenizer, config),
  )
})

test('a pattern that tries for ever is ended, and said', async () => {
  const folder = await temporaryFolder()
  const json = JSON.parse(await readFile(join(EMBEDDED_MODEL, 'tokenizer.json'), 'utf8'))
  json.pre_tokenizer = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: '(?:[a-z]+ ?)+~' }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json))
  const name = 'tokenizer_config.json'
  await copyFile(join(EMBEDDED_MODEL, name), join(folder, name))
  const bounds = { ...BOUNDS, pieceMsMax: 1_000 }
  await expect(readGeneral({ folder, config }, bounds)).rejects.toThrow('general text')
})
