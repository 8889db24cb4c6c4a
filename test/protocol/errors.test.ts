/** Who is at fault is in the class of an error, and the sentence in its message. */
import { expect, test } from 'vitest'
import { assert, assertNever, ConfigError, ProtocolError } from '../../protocol/errors.ts'
import { log, roundName } from '../../protocol/log.ts'

for (const [error, name] of [
  [new ProtocolError('malformed', 'why'), 'ProtocolError'],
  [new ConfigError('why'), 'ConfigError'],
] as const) {
  test(`a ${name} says its name and why`, () => expect(String(error)).toBe(`${name}: why`))
}

test('an invariant that holds passes, one that does not is told', () => {
  assert(true, 'all is well')
  expect(() => assert(false, 'two is three')).toThrow('Invariant broken: two is three')
  expect(() => assertNever({ type: 'new' } as never)).toThrow('unexpected {"type":"new"}')
})

test('what the log hears', () => {
  expect(log('warn', 'text')).toEqual({ type: 'log', level: 'warn', text: 'text' })
  expect([roundName(0), roundName(41)]).toEqual(['round 1', 'round 42'])
})
