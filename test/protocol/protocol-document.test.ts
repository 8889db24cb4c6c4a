/** docs/protocol.md has every message with every field, every limit and refusal, and no others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encode } from '../../protocol/codec.ts'
import { manifestSchema } from '../../protocol/envelope.ts'
import { decodeInvite } from '../../protocol/invite.ts'
import * as limits from '../../protocol/limits.ts'
import { decodeNotice, decodeReply, decodeRequest, REFUSALS } from '../../protocol/messages.ts'
import { runConfigSchema } from '../../protocol/run-config.ts'
import { parse } from '../../protocol/schema.ts'
import { checkParts, readDocument } from '../generated-part.ts'
import { fullConfig } from './example-config.ts'
import {
  exampleInvite,
  exampleManifest,
  exampleNotices,
  exampleReplies,
  exampleRequests,
} from './example-messages.ts'

const runConfigOf = (value: unknown) => parse(runConfigSchema, value, 'run')
type Rules = Record<string, string>
const frozen = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/rules.json'), 'utf8'),
) as Record<string, Rules>

/** Whether the example is accepted when a field of it is changed so. */
function mayBe(
  example: unknown,
  path: string[],
  accept: (value: unknown) => unknown,
  change: (parent: Record<string, unknown>, key: string) => void,
): boolean {
  const copy = structuredClone(example)
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as never)[key], copy)
  change(parent as Record<string, unknown>, path.at(-1)!)
  try {
    accept(copy)
    return true
  } catch {
    return false
  }
}

/** What a field may be besides, which its rule does not say. */
function alternatives(
  example: unknown,
  path: string[],
  accept: (value: unknown) => unknown,
): string {
  const isNullable = mayBe(example, path, accept, (parent, key) => {
    parent[key] = null
  })
  const isOptional = mayBe(example, path, accept, (parent, key) => {
    if (!Array.isArray(parent)) delete parent[key]
  })
  // Of a list that may be shorter, an item is nothing of its own.
  const isItem = path.at(-1) === '0'
  return (isNullable ? ', or null' : '') + (isOptional && !isItem ? ', or absent' : '')
}

function tableOf(rules: Rules, example: unknown, accept: (value: unknown) => unknown): string {
  const rows = Object.entries(rules).map(([path, rule]) => {
    const kind = rule === 'absent' ? 'an object' : rule.replace(/^(\d+) to \1 /, '$1 ')
    const others = alternatives(example, path.split('.'), accept)
    return `| \`${path.replaceAll('.0', '[]')}\` | ${kind}${others} |`
  })
  if (rows.length === 0) return 'No fields.'
  return ['| field | must be |', '|---|---|'].concat(rows).join('\n')
}

/** The rules of one message, without its name and its `type`. */
function rulesOf(all: Rules, type: string): Rules {
  const own = Object.entries(all)
    .filter(([path]) => path.startsWith(`${type}.`) && path !== `${type}.type`)
    .map(([path, rule]) => [path.slice(type.length + 1), rule])
  return Object.fromEntries(own)
}

const parts: Record<string, string> = {}
for (const [direction, examples, read] of [
  ['request', exampleRequests, decodeRequest],
  ['reply', exampleReplies, decodeReply],
  ['notice', exampleNotices, decodeNotice],
] as [string, Record<string, { type: string }>, (frame: Uint8Array) => unknown][]) {
  const plural = direction === 'reply' ? 'replies' : `${direction}s`
  // The last example of a type has all fields that it may have.
  for (const [type, example] of new Map(Object.values(examples).map((one) => [one.type, one]))) {
    const accept = (value: unknown) => read(encode(value))
    parts[`${direction} ${type}`] = tableOf(rulesOf(frozen[plural]!, type), example, accept)
  }
}
parts['run config'] = tableOf(frozen.runConfig!, fullConfig(), runConfigOf)
parts.manifest = tableOf(frozen.manifest!, exampleManifest, (value) =>
  parse(manifestSchema, value, 'manifest'),
)
parts.invite = tableOf(frozen.invite!, exampleInvite, (value) => decodeInvite(encode(value)))
parts.limits = ['| limit | value |', '|---|---|']
  .concat(Object.entries(limits).map(([name, value]) => `| \`${name}\` | ${value} |`))
  .join('\n')

test('every message, field and limit is in the document, as the code has it', () => {
  checkParts('protocol.md', parts)
})

test('every refusal is explained, and nothing else is', () => {
  const section = /## Refusals\n([\s\S]*?)\n## /.exec(readDocument('protocol.md'))![1]!
  const explained = Array.from(section.matchAll(/^\| `([\w-]+)` \|/gm), ([, name]) => name)
  expect(explained).toEqual(REFUSALS)
})

test('every limit that the text names exists', () => {
  const named = Array.from(readDocument('protocol.md').matchAll(/`([A-Z]+_[A-Z_]+)`/g))
  expect(named.map(([, name]) => name).filter((name) => !(name! in limits))).toEqual([])
})
