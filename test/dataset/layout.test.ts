/** Which files of a folder, and which rows of them, are read: as Python's `datasets` does. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { globMatcher } from '../../node/dataset/glob.ts'
import { chooseFiles } from '../../node/dataset/layout.ts'
import { parseSplit, rangeOf, SPLIT_KEY } from '../../node/dataset/split-key.ts'
import { ConfigError } from '../../protocol/index.ts'

interface Layout {
  names: string[]
  readme: string | null
  /** Files by config and split; the config is '' where there are none. */
  splits: Record<string, Record<string, string[]>>
  default: string | null
}

/** Made by make-dataset-layouts.py. */
const vectors: { layouts: Layout[]; slices: [string, number?, number?, number?][] } = JSON.parse(
  readFileSync(new URL('../vectors/dataset-layouts.json', import.meta.url), 'utf8'),
)

const choose = (names: string[], readme: string | null, config?: string, split = 'train') =>
  chooseFiles({ title: 'ds', names, readme }, { config, split })

describe('of a folder those files are read that datasets reads:', () => {
  for (const { names, readme, splits, default: standard } of vectors.layouts) {
    test(`${names.join(', ')}${readme === null ? '' : ', as its README.md says'}`, () => {
      for (const [config, files] of Object.entries(splits)) {
        const wanted = config === '' ? undefined : config
        for (const [split, expected] of Object.entries(files)) {
          expect(choose(names, readme, wanted, split)).toEqual(expected)
        }
        if (files.train === undefined) {
          expect(() => choose(names, readme, wanted)).toThrow("no split 'train'")
        }
      }
      const files = splits[standard ?? '']?.train
      if (files !== undefined) expect(choose(names, readme)).toEqual(files)
      if (standard === null) expect(() => choose(names, readme)).toThrow('config name is missing')
    })
  }
})

test('slices have the rows that datasets gives them', () => {
  for (const [key, count, ...expected] of vectors.slices) {
    if (count === undefined) expect(SPLIT_KEY.test(key), key).toBe(false)
    else expect(rangeOf(parseSplit(key).slice!, count), `${key} of ${count}`).toEqual(expected)
  }
  expect(vectors.slices.length).toBeGreaterThan(500)
})

for (const [key, expected] of [
  [undefined, { name: 'train', slice: null }],
  ['train_sft', { name: 'train_sft', slice: null }],
  ['train.en-1[:5]', { name: 'train.en-1', slice: { from: null, to: 5, isPercent: false } }],
  ['test[10%:]', { name: 'test', slice: { from: 10, to: null, isPercent: true } }],
] as const) {
  test(`the split ${key}`, () => expect(parseSplit(key)).toEqual(expected))
}
for (const key of [
  '',
  'train[',
  'train[1]',
  'train+test',
  'train[:1.5]',
  'train[2:50%]',
  'a b',
  'train[:10%](x)',
]) {
  test(`the split '${key}' is none`, () => expect(SPLIT_KEY.test(key)).toBe(false))
}

const card = (configs: string) => `---\nlicense: mit\nconfigs:\n${configs}\n---\ntext`
describe('is refused:', () => {
  for (const [what, names, readme, config, split, ...words] of [
    ['another split', ['a.jsonl'], null, undefined, 'test', "'test'", "all is 'train'"],
    ['a config where none is', ['a.jsonl'], null, 'sea', 'train', "'sea'", 'no configs'],
    [
      'a config that is not there',
      ['a.jsonl'],
      card('- config_name: sea\n- config_name: land'),
      'sky',
      'train',
      "'sky'",
      "'sea' or 'land'",
    ],
    [
      'a file that README.md names and nobody has',
      ['a.jsonl'],
      card('- config_name: sea\n  data_files: [a.jsonl, missing.jsonl]'),
      undefined,
      'train',
      "'missing.jsonl'",
      'there is none',
    ],
    ['YAML that is none', ['a.jsonl'], card('- ]'), undefined, 'train', 'README.md'],
    [
      'a config without a name',
      ['a.jsonl'],
      card('- data_files: a'),
      undefined,
      'train',
      'README.md',
    ],
    ['YAML of aliases', ['a.jsonl'], aliases(), undefined, 'train', 'README.md'],
    ['deep YAML', ['a.jsonl'], card(`- ${'['.repeat(900_000)}`), undefined, 'train', '50 deep'],
    ['YAML of dashes', ['a.jsonl'], card('- '.repeat(400_000)), undefined, 'train', '50 deep'],
  ] as [string, string[], string | null, string | undefined, string, ...string[]][]) {
    test(what, () => {
      const read = () => choose(names, readme, config, split)
      expect(read).toThrow(ConfigError)
      for (const word of ["'ds'", ...words]) expect(read).toThrow(word)
    })
  }
})

/** Each level is ten times the one before. */
function aliases(): string {
  const levels = Array.from({ length: 12 }, (_, i) => {
    const items = Array(10).fill(i === 0 ? 'x' : `*a${i - 1}`)
    return `a${i}: &a${i} [${items.join(', ')}]`
  })
  return `---\n${levels.join('\n')}\nconfigs: *a11\n---\n`
}

describe('only one kind of file is read:', () => {
  for (const [names, expected] of [
    [['train.jsonl', 'train.parquet'], ['train.parquet']],
    [
      ['train-1.jsonl', 'train-2.json', 'train.parquet'],
      ['train-1.jsonl', 'train-2.json'],
    ],
    [['train.txt', 'train.md', 'train.png'], ['train.txt']],
  ] as const) {
    test(names.join(', '), () => expect(choose([...names], null)).toEqual(expected))
  }
})

describe('without splits all is read', () => {
  for (const [names, expected] of [
    [
      ['b.md', 'a.txt', 'c.json', 'd.png'],
      ['a.txt', 'b.md'],
    ],
    [['c.json', 'd.png', 'README.md'], ['c.json']],
    [['default/train/0000.parquet', 'default/train/0001.parquet'], undefined],
  ] as const) {
    test(names.join(', '), () => expect(choose([...names], null)).toEqual(expected ?? names))
  }
})

test('what the Hub turned into parquet has a folder a config', () => {
  const names = ['sea/train/0000.parquet', 'land/train/0000.parquet', 'land/test/0000.parquet']
  expect(() => choose(names, null)).toThrow('config name is missing')
  expect(choose(names, null, 'land', 'test')).toEqual(['land/test/0000.parquet'])
})

test('a pattern made to take for ever does not', () => {
  const matches = globMatcher(`${'*a'.repeat(100)}b`)
  expect(matches('a'.repeat(500))).toBe(false)
  expect(matches(`${'a'.repeat(500)}b`)).toBe(true)
})
