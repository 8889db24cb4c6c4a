/**
 * What each field of each message accepts, and every limit, frozen: who changes one of them makes
 * peers that do not understand each other. Each field is given an object that it cannot be, and
 * says in its refusal what it must be; boundaries themselves are tried in schema.test.ts.
 * Rewritten with `REWRITE=1 npx vitest run test/protocol/rules.test.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encode } from '../../protocol/codec.ts'
import { manifestSchema } from '../../protocol/envelope.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import { decodeInvite } from '../../protocol/invite.ts'
import * as limits from '../../protocol/limits.ts'
import { decodeNotice, decodeReply, decodeRequest } from '../../protocol/messages.ts'
import { runConfigSchema } from '../../protocol/run-config.ts'
import { parse } from '../../protocol/schema.ts'
import { fullConfig } from './example-config.ts'
import {
  exampleInvite,
  exampleManifest,
  exampleNotices,
  exampleReplies,
  exampleRequests,
} from './example-messages.ts'

const runConfigOf = (value: unknown) => parse(runConfigSchema, value, 'run')
const FILE = join(import.meta.dirname, '../vectors/rules.json')
/** No field takes it, and no list has an item like it. */
const ABSURD = { absurd: true }

/** The paths of all fields; of a list, those of its first item. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return [path]
  const parts = Array.isArray(value) ? Object.entries(value).slice(0, 1) : Object.entries(value)
  const below = parts.flatMap(([key, item]) => pathsOf(item, [...path, key]))
  return path.length > 0 ? [path, ...below] : below
}

function withAbsurd(value: unknown, path: readonly string[]): unknown {
  const copy = structuredClone(value)
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as never)[key], copy)
  ;(parent as Record<string, unknown>)[path.at(-1)!] = ABSURD
  return copy
}

/** What each field must be, by its path, in the words of its refusal. */
function rulesOf(value: unknown, accept: (value: unknown) => unknown): Record<string, string> {
  const rules = pathsOf(value).map((path) => [
    path.join('.'),
    ruleOf(withAbsurd(value, path), accept),
  ])
  return Object.fromEntries(rules)
}

function ruleOf(value: unknown, accept: (value: unknown) => unknown): string {
  try {
    accept(value)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return / as it must be (.*): current value is /s.exec(error.message)?.[1] ?? error.message
  }
  return 'anything'
}

function rulesOfAll(
  examples: Record<string, unknown>,
  read: (frame: Uint8Array) => unknown,
): Record<string, string> {
  const all: Record<string, string> = {}
  for (const example of Object.values(examples)) {
    const { type } = example as { type: string }
    const rules = rulesOf(example, (value) => read(encode(value)))
    for (const [path, rule] of Object.entries(rules)) all[`${type}.${path}`] = rule
  }
  return all
}

const actual: Record<string, Record<string, unknown>> = {
  limits: { ...limits },
  requests: rulesOfAll(exampleRequests, decodeRequest),
  replies: rulesOfAll(exampleReplies, decodeReply),
  notices: rulesOfAll(exampleNotices, decodeNotice),
  runConfig: rulesOf(fullConfig(), runConfigOf),
  invite: rulesOf(exampleInvite, (value) => decodeInvite(encode(value))),
  manifest: rulesOf(exampleManifest, (value) => parse(manifestSchema, value, 'manifest')),
}
if (process.env.REWRITE === '1') writeFileSync(FILE, `${JSON.stringify(actual, null, 2)}\n`)
const frozen: typeof actual = JSON.parse(readFileSync(FILE, 'utf8'))

for (const [name, rules] of Object.entries(actual)) {
  test(`${name} are as they were agreed`, () => expect(rules).toEqual(frozen[name]))
}

test('no field takes anything', () => {
  const open = Object.entries(actual).flatMap(([name, rules]) =>
    Object.keys(rules).filter((path) => name !== 'limits' && rules[path] === 'anything'),
  )
  expect(open).toEqual([])
})
