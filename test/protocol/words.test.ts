/** What is said to people: of a value that is refused, and of reasons that quote something. */
import { expect, test } from 'vitest'
import { decodeBlobManifest } from '../../protocol/blob.ts'
import { encode } from '../../protocol/codec.ts'
import { creditOf } from '../../protocol/credit.ts'
import { digestOf } from '../../protocol/digest.ts'
import { DigestMismatch, ProtocolError, VersionError } from '../../protocol/errors.ts'
import { REASON_LENGTH_MAX } from '../../protocol/limits.ts'
import {
  decodeNotice,
  decodeReply,
  decodeRequest,
  traceSeed,
  traceStart,
} from '../../protocol/messages.ts'
import { reasonOf } from '../../protocol/reason.ts'
import { checkRunConfig } from '../../protocol/run-config.ts'
import { integer, real } from '../../protocol/schema.ts'
import { exampleConfig } from './example-config.ts'
import { exampleManifest, exampleTrace } from './example-messages.ts'

const NOTHING =
  'must be one of join, lease, commit, audit, score, upload, fail, status, leave: current value is'
const unknown = encode({ type: 'nothing of the kind' })
const { runId } = exampleManifest
const digest = 'ab'.repeat(32)
const other = 'cd'.repeat(32)
const manifest = { ...exampleManifest, parent: null, corrections: [], round: 4 }
const first = { digest, manifest }
const after = (change: object) => ({ digest: other, manifest: { ...manifest, ...change } })
const counted = 'must be of contributions that count: current value is'
const config = exampleConfig()
const { shape } = config.base
const withShape = (change: object) => ({
  ...config,
  base: { ...config.base, shape: { ...shape, ...change } },
})

for (const [what, refuse, message] of [
  ['a request', () => decodeRequest(unknown), `'request.type' as it ${NOTHING} "nothing of the k`],
  ['a message of nothing', () => decodeRequest(encode(null)), `${NOTHING} undefined`],
  ['a flag for a number', () => decodeNotice(encode({ type: 'closing', round: true })), 'is true'],
  ['a reply', () => decodeReply(unknown), "'reply.type' as it must be one of joined, leased"],
  ['a notice', () => decodeNotice(unknown), "'notice.type' as it must be one of round, closing"],
  [
    'a field more',
    () => decodeNotice(encode({ type: 'heartbeat', beat: 1 })),
    '\'notice.beat\' as it must be absent: current value is "an unknown field"',
  ],
  [
    'half a version',
    () => decodeRequest(encode({ type: 'join', version: 1.5 })),
    "'request.version' as it must be a whole number from 0 to 65535: current value is 1.5",
  ],
  [
    'a blob of nothing',
    () => decodeBlobManifest(encode({}), { digest, bytes: 0 }),
    "'manifest.digest' as it must be a SHA-256 digest in hexadecimal: current value is undefined",
  ],
  [
    'a manifest of another run',
    () => creditOf(other, [first]),
    `Cannot count manifest ${digest} as 'runId' must be ${other}: current value is ${runId}`,
  ],
  [
    'a manifest that follows nothing',
    () => creditOf(runId, [after({ parent: digest })]),
    `Cannot count manifest ${other} as 'parent' must be null: current value is ${digest}`,
  ],
  [
    'a manifest of the same round',
    () => creditOf(runId, [first, after({ parent: digest })]),
    `Cannot count manifest ${other} as 'round' must be above 4: current value is 4`,
  ],
  [
    'a lease that was never counted',
    () => creditOf(runId, [first], [{ manifest: { digest }, leaseIds: [99] }]),
    `Cannot count manifest ${digest} as 'leaseIds' ${counted} 99`,
  ],
  [
    'a layer twice',
    () => checkRunConfig({ ...config, adapter: { ...config.adapter, targets: ['q', 'v', 'q'] } }),
    "'adapter.targets' must be a list that names each layer once: current value is q, v, q",
  ],
  [
    'divisors that are not one for each frequency',
    () => checkRunConfig(withShape({ ropeDivisors: [1, 2, 3] })),
    "'base.shape.ropeDivisors' must be 8 numbers, one for each frequency of a head: current value",
  ],
  [
    'a divisor beyond all',
    () => checkRunConfig(withShape({ ropeDivisors: [1_000_000.5] })),
    "'run.base.shape.ropeDivisors[0]' as it must be a number from 0.001 to 1000000: current",
  ],
  [
    'extremes left out of gradients',
    () =>
      checkRunConfig({
        ...config,
        training: { ...config.training, mode: 'gradient' },
        aggregation: { ...config.aggregation, merge: 'trimmed' },
      }),
    "'aggregation.merge' must be mean where gradients are averaged: current value is trimmed",
  ],
] as const) {
  test(`${what} is refused in words`, () => expect(refuse).toThrow(message))
}

for (const [what, text, reason] of [
  ['stays as it is', 'a full disk: « 笔 »', 'a full disk: « 笔 »'],
  ['has no lines', 'one\r\ntwo\u0000\tthree\u001b[2J', 'one two three [2J'],
  ['ends where it must', 'x'.repeat(REASON_LENGTH_MAX + 1), 'x'.repeat(REASON_LENGTH_MAX)],
  ['is as long as may be', 'x'.repeat(REASON_LENGTH_MAX), 'x'.repeat(REASON_LENGTH_MAX)],
  ['loses half of a pair', 'a\ud83d', 'a\ufffd'],
] as const) {
  test(`a reason ${what}`, () => expect(reasonOf(text)).toBe(reason))
}

test('of a join of another version nothing is known but that', () => {
  const nothing = { runId: null, token: '', session: 0, name: '', software: '' }
  const join = { type: 'join', version: 1, session: 7, name: 'ann', software: 'old' }
  expect(decodeRequest(encode(join))).toEqual({ type: 'join', version: 1, ...nothing })
})

test('a version is at most what two bytes hold', () => {
  const ofVersion = (version: number) => decodeRequest(encode({ type: 'join', version }))
  for (const version of [0, 65_535]) expect(ofVersion(version)).toMatchObject({ version })
  expect(() => ofVersion(65_536)).toThrow('a whole number from 0 to 65535: current value is 65536')
})

test("a run of another version is nobody's fault, and is called so", () => {
  expect(new VersionError('older')).toMatchObject({ name: 'VersionError', code: 'version' })
})

test('what is wrong with a value is told in parts, too', () => {
  const rule = 'a whole number from 0 to 4294967295'
  const fault = { path: 'run.seed', rule, current: '-1' }
  const told = expect.objectContaining({ code: 'malformed', fault })
  expect(() => checkRunConfig({ ...config, seed: -1 })).toThrow(told)
  expect(new ProtocolError('malformed', 'no value is at fault').fault).toBe(null)
  expect(new DigestMismatch('other bytes')).toMatchObject({ code: 'digest-mismatch' })
})

test('a trace starts with the digest of its seed', () => {
  expect(traceStart(exampleTrace)).toBe(digestOf(traceSeed(exampleTrace)))
})

test('bounds are there for whoever takes the value by another name', () => {
  const rule = 'number from 1 to 9'
  expect({ ...integer(1, 9) }).toEqual({ min: 1, max: 9, isWhole: true, rule: `a whole ${rule}` })
  expect({ ...real(1, 9) }).toEqual({ min: 1, max: 9, isWhole: false, rule: `a ${rule}` })
})
