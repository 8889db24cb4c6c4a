/**
 * Texts cut into tokens by llama.cpp and by us, for each rule that has a name there: the embedded
 * vocabulary, with a few more words, under the rules of others.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { ggufTokenizer, type TokenizerFiles } from '../../node/model/gguf-tokenizer.ts'
import { writeGguf } from '../../node/model/gguf-write.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { RUN } from '../export/fixtures.ts'
import { bytesOfJson, temporaryFolder, VECTORS } from '../model/fixtures.ts'
import { KNOWN_PRE_TOKENIZERS } from '../model/pre-tokenizers.ts'
import { startLlama } from './llama.ts'

const NAMES = Object.keys(KNOWN_PRE_TOKENIZERS)
const SEED = 7
const RANDOM_TEXTS = 300
/** Texts of every kind that a rule tells apart. */
const PIECES = [
  'the',
  ' The',
  'IT',
  'naïve',
  'Ω',
  '鲸',
  'ing',
  ' a',
  "'s",
  "'S",
  "'ll",
  "'LL",
  "'",
  '’t',
  '1',
  '12',
  '1851',
  '٣',
  ' 7',
  '½',
  ' ',
  '  ',
  '   ',
  '\t',
  '\n',
  '\n\n',
  '\r\n',
  ' \n',
  '.',
  ',',
  '...',
  '—',
  '“',
  '(',
  ')',
  '!?',
  '$',
  '_',
  '🐋',
  '\u00a0',
  '\u3000',
  '\u0301',
]

function texts(name: string): string[] {
  const random = prng(SEED)
  const text = () => {
    const count = 1 + nextBelow(random, 12)
    return Array.from({ length: count }, () => PIECES[nextBelow(random, PIECES.length)]).join('')
  }
  const known = VECTORS.tokenizer.map(({ text }) => text)
  // What looks like a special token is text to one and a token to the other. Where digits stand
  // alone, @huggingface/tokenizers 0.2 takes 0 to 9 only; the Rust original agrees with llama.cpp.
  const strange = name === 'smollm' ? /<\||[½٣]/ : /<\|/
  const all = [...known, ...Array.from({ length: RANDOM_TEXTS }, text)]
  return all.filter((text) => !strange.test(text))
}

const llama = startLlama()
afterAll(llama.close)

/** Words that some rules keep apart; they take the places of the last ones. */
const MERGES = [
  '1 2',
  '1 8',
  '5 1',
  '18 51',
  '12 18',
  'Ġ Ġ',
  'ĠĠ Ġ',
  'Ċ Ċ',
  'č Ċ',
  'Ġ Ċ',
  '. Ċ',
  'Ġ .',
  "' l",
  "'l l",
  "' S",
  "' L",
  "'L L",
]

/** The embedded tokenizer under another rule. */
async function filesUnder(name: string): Promise<TokenizerFiles> {
  const read = (file: string) => readFile(join(EMBEDDED_MODEL, file))
  const json = JSON.parse((await read('tokenizer.json')).toString())
  const tokenizer = bytesOfJson({
    ...json,
    pre_tokenizer: KNOWN_PRE_TOKENIZERS[name],
    // As llama.cpp has it for this rule.
    model: { ...withMerges(json.model), ignore_merges: name === 'llama-bpe' },
  })
  return { tokenizer, config: await read('tokenizer_config.json'), chatTemplate: null }
}

function withMerges(model: { vocab: Record<string, number>; merges: [string, string][] }) {
  const kept = model.merges.length - MERGES.length
  const words = Object.entries(model.vocab).sort(([, a], [, b]) => a - b)
  const own = MERGES.map((merge) => merge.replace(' ', ''))
  const tokens = [...words.map(([word]) => word).slice(0, -own.length), ...own]
  return {
    ...model,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: [...model.merges.slice(0, kept).map((pair) => pair.join(' ')), ...MERGES],
  }
}

async function ours(name: string, of: readonly string[]) {
  const { tokenizer, config } = await filesUnder(name)
  const { encode } = tokenizerFromBytes(tokenizer, config)
  return of.map((text) => [...encode(text)])
}

async function theirs(name: string, of: readonly string[]) {
  const { shape: model, weights, close } = await openBaseModel(EMBEDDED_MODEL)
  onTestFinished(close)
  const tokenizer = ggufTokenizer(await filesUnder(name), model.vocabSize)
  const path = join(await temporaryFolder(), 'a.gguf')
  const file = { run: RUN, model, contextLength: 256, tokenizer, weights, type: 'F16' } as const
  await writeGguf(path, ggufModel(file))
  return Promise.all(of.map(llama.open(path).tokenize))
}

for (const name of NAMES)
  test(`${name}: llama.cpp cuts texts into our tokens`, async () => {
    const cut = texts(name)
    const [expected, actual] = [await ours(name, cut), await theirs(name, cut)]
    for (const [i, text] of cut.entries()) {
      expect(actual[i], JSON.stringify({ text, SEED })).toEqual(expected[i])
    }
  })

test('the texts tell the rules apart', async () => {
  const cuts = []
  for (const name of NAMES) cuts.push(JSON.stringify(await ours(name, texts('smollm'))))
  expect(new Set(cuts).size).toBe(NAMES.length)
})
