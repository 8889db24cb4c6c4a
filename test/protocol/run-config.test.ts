/** A run config: what contradicts itself, what changes the RunId, what bytes are one. */
import { expect, test } from 'vitest'
import { encode } from '../../protocol/codec.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import {
  checkRunConfig,
  decodeRunConfig,
  encodeRunConfig,
  type RunConfig,
  runIdOf,
} from '../../protocol/run-config.ts'
import { blobNamed, exampleConfig } from './example-config.ts'

type Changes = Parameters<typeof exampleConfig>[0]
const { shape } = exampleConfig().base
const exception = (target: 'q' | 'k' | 'v', adapterRank: number) => ({
  layer: 0,
  target,
  adapterRank,
  alpha: 8,
})

/** One for each of the example's matrices. */
const kindsOf = (kind: 'float16' | 'Q8_0') => Array<'float16' | 'Q6_K' | 'Q8_0'>(15).fill(kind)

const SCORING = {
  rows: blobNamed('rows'),
  questions: 4,
  prompts: 0,
  contextTokens: 32,
  everyRounds: 1,
}
const METRIC: Changes = { training: { metric: 'exact_match' }, scoring: SCORING }

for (const [message, changes] of [
  ["'training.batchSequences' must be a multiple of microBatch 4", { training: { microBatch: 4 } }],
  ["'kernels.base' must be int8 or blocks where the path is int16", { kernels: { path: 'int16' } }],
  [
    "'kernels.kinds' must be a list of 15 where the base is blocks",
    { kernels: { base: 'blocks' } },
  ],
  [
    "'kernels.kinds' must be a list of 0 where the base is float32: current value is 15",
    { kernels: { kinds: kindsOf('float16') } },
  ],
  [
    "'kernels.kinds[14]' must be a kind whose blocks fill rows of 128: current value is Q6_K",
    { kernels: { base: 'blocks', kinds: kindsOf('Q8_0').with(-1, 'Q6_K') } },
  ],
  ["'round.stepsMin' must be at most stepsMax 8: current value is 9", { round: { stepsMin: 9 } }],
  [
    "'base.shape.headCount' must be a multiple of kvHeadCount 3",
    { base: { shape: { ...shape, kvHeadCount: 3 } } },
  ],
  ["'base.shape.headDim' must be a multiple of 4", { base: { shape: { ...shape, headDim: 6 } } }],
  [
    "'base.shape.hiddenSize' must be a multiple of 4",
    { base: { shape: { ...shape, hiddenSize: 6 } } },
  ],
  ["'dataset.tokenBytes' must be 4", { base: { shape: { ...shape, vocabSize: 65_537 } } }],
  [
    "'adapter.targets' must be a list that names each layer once",
    { adapter: { targets: ['q', 'q'] } },
  ],
  [
    "'adapter.layers' must be layers from 0 to 1 in ascending order: current value is 1, 0",
    { adapter: { layers: [1, 0] } },
  ],
  ["'adapter.layers' must be layers from 0 to 1", { adapter: { layers: [2] } }],
  ["'adapter.layers' must be absent where all 2 layers", { adapter: { layers: [0, 1] } }],
  [
    "'adapter.exceptions' must be linear layers that carry an adapter of another rank or alpha: " +
      'current value is k of layer 0',
    { adapter: { exceptions: [exception('q', 1), exception('k', 1)] } },
  ],
  ['current value is q of layer 0', { adapter: { layers: [1], exceptions: [exception('q', 1)] } }],
  [
    'current value is v of layer 0',
    { adapter: { exceptions: [exception('q', 1), exception('v', 4)] } },
  ],
  [
    "'adapter.exceptions' must be each once, by layer and then in the order",
    { adapter: { exceptions: [exception('v', 1), exception('q', 1)] } },
  ],
  [
    "'training.dropout' must be absent where the adapter's variant is dora: current value is 0.1",
    { adapter: { variant: 'dora' }, training: { dropout: 0.1 } },
  ],
  [
    "'dataset.trainShards' must be 100 sequences in shards of 64: current value is 1 shards",
    { dataset: { trainShards: [blobNamed('one')] } },
  ],
  [
    "'dataset.trainSequences' must be at least a batch of 128",
    { training: { batchSequences: 128 } },
  ],
  ["'training.metric' must be another where there are no prompts", METRIC],
  [
    "'training.metric' must be another where there are no questions",
    { training: { metric: 'acc_norm' }, scoring: { ...SCORING, questions: 0, prompts: 2 } },
  ],
  [
    "'scoring.questions' must be at least 1 where there are no prompts",
    { scoring: { ...SCORING, questions: 0, prompts: 0 } },
  ],
  [
    "'training.preference.beta' must be at least 0.01 where the loss is ipo",
    { dataset: { layout: 'answers' }, training: { preference: { loss: 'ipo', beta: 0.001 } } },
  ],
  ["'run.training.schedule' as it must be one of", { training: { schedule: 'wavy' } }],
  ["'run.round.seconds' as it must be a number from 1", { round: { seconds: 0.5 } }],
  ["'run.version' as it must be one of 3", { version: 1 as 3 }],
  ["'run.seed' as it must be a whole number", { seed: -1 }],
  ["'run.extra' as it must be absent", { extra: 1 }],
] as [string, Changes][]) {
  test(`refused: ${message}`, () => {
    expect(() => exampleConfig(changes)).toThrow(ProtocolError)
    expect(() => exampleConfig(changes)).toThrow(message)
  })
}

for (const [what, changes] of [
  [
    'a vocabulary that two bytes can just number',
    { base: { shape: { ...shape, vocabSize: 65_536 } } },
  ],
  ['as many sequences as a batch has', { training: { batchSequences: 100 } }],
  ['leases of one size', { round: { stepsMin: 8 } }],
  [
    'a divisor for each frequency',
    { base: { shape: { ...shape, ropeDivisors: Array(8).fill(2) } } },
  ],
  ['int16 over int8', { kernels: { path: 'int16', base: 'int8' } }],
  ['int16 over blocks', { kernels: { path: 'int16', base: 'blocks', kinds: kindsOf('Q8_0') } }],
  ['a layer without an adapter', { adapter: { layers: [1] } }],
  ['a rank of its own', { adapter: { exceptions: [exception('q', 2), exception('v', 6)] } }],
  ['blocks of several kinds', { kernels: { base: 'blocks', kinds: kindsOf('Q8_0') } }],
  ['a score to go by', { ...METRIC, scoring: { ...SCORING, prompts: 2 } }],
  ['the mean of gradients', { training: { mode: 'gradient' } }],
] as [string, Changes][]) {
  test(`taken: ${what}`, () => expect(exampleConfig(changes)).toMatchObject(changes as object))
}

test('a run of another version of the protocol is told so, whatever else it says', () => {
  const older = encode({ ...exampleConfig(), version: 1, colour: 'blue' })
  expect(() => decodeRunConfig(older)).toThrow('a run of protocol 1, as this is barnraise for')
})

/** All fields of a config, with a neighbouring value that is valid, too. */
const neighbours: [string, Changes][] = [
  ['name', { name: 'other' }],
  ['seed', { seed: 8 }],
  ['base.weights', { base: { weights: blobNamed('other') } }],
  ['adapter.alpha', { adapter: { alpha: 16 } }],
  ['adapter.targets', { adapter: { targets: ['v', 'q'] } }],
  ['adapter.layers', { adapter: { layers: [1] } }],
  ['adapter.scaling', { adapter: { scaling: 'rslora' } }],
  ['adapter.variant', { adapter: { variant: 'dora' } }],
  ['adapter.exceptions', { adapter: { exceptions: [exception('q', 5)] } }],
  ['dataset.validationShard', { dataset: { validationShard: blobNamed('other') } }],
  ['training.mode', { training: { mode: 'gradient' } }],
  ['training.learningRate', { training: { learningRate: 0.010000000000000002 } }],
  ['training.dropout', { training: { dropout: 0.1 } }],
  ['training.embeddingNoise', { training: { embeddingNoise: 5 } }],
  ['scoring', { scoring: SCORING }],
  ['training.rateRatio', { training: { rateRatio: 16 } }],
  ['round.seconds', { round: { seconds: 60.5 } }],
  ['outer.momentum', { outer: { momentum: 0 } }],
  ['aggregation.uplink', { aggregation: { uplink: 'int8' } }],
  ['admission.membersMax', { admission: { membersMax: 9 } }],
  ['admission.kind', { admission: { kind: 'open' } }],
  ['admission.allowed', { admission: { allowed: [] } }],
  ['admission.blockMembersMax', { admission: { blockMembersMax: 4 } }],
]
for (const [field, changes] of neighbours) {
  test(`another ${field} is another run`, () => {
    expect(runIdOf(exampleConfig(changes))).not.toBe(runIdOf(exampleConfig()))
  })
}

test('the order in which a config is written makes no difference', () => {
  const reversed = Object.fromEntries(Object.entries(exampleConfig()).reverse())
  expect(runIdOf(reversed as RunConfig)).toBe(runIdOf(exampleConfig()))
})

test('bytes of a config in another form than the canonical one are refused', () => {
  const canonical = encodeRunConfig(exampleConfig())
  expect(decodeRunConfig(canonical)).toEqual(exampleConfig())
  // The same map, with its length in 16 bits.
  const longer = Uint8Array.of(0xde, 0, canonical[0]! & 0x0f, ...canonical.subarray(1))
  expect(() => decodeRunConfig(longer)).toThrow('not in its shortest form')
  expect(() => decodeRunConfig(encode({ ...exampleConfig(), seed: -1 }))).toThrow("'run.seed'")
  expect(() => decodeRunConfig(canonical.subarray(1))).toThrow(ProtocolError)
})

test('a config that is not valid is not hosted', () => {
  const broken = { ...exampleConfig(), seed: 0.5 }
  expect(() => encodeRunConfig(broken)).toThrow(ProtocolError)
  expect(() => checkRunConfig(null)).toThrow("'run' as it must be an object")
})
