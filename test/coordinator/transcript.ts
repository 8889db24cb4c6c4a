/**
 * Transcripts: what a state machine does, as text. A block is commands, `----`, and what came of
 * them; `#` lines are prose. `REWRITE=1 npx vitest run test/coordinator` writes what really comes
 * of the commands; commit only a change that you can explain.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'

export interface Block {
  /** Prose and commands, as written. */
  input: string[]
  output: string
}

const FOLDER = join(import.meta.dirname, 'transcripts')

/** Names of the transcripts of one machine. */
export function transcriptsOf(machine: 'coordinator' | 'participant'): string[] {
  return readdirSync(FOLDER).filter((name) => name.startsWith(`${machine}-`))
}

export function readTranscript(name: string): Block[] {
  const text = readFileSync(join(FOLDER, name), 'utf8')
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [input = '', output = ''] = block.split(/^----$/m)
      return { input: input.trim().split('\n'), output: output.trim() }
    })
}

function format(blocks: readonly Block[]): string {
  return blocks
    .map(({ input, output }) =>
      input.every((line) => line.startsWith('#'))
        ? `${input.join('\n')}\n`
        : `${input.join('\n')}\n----\n${output}\n`,
    )
    .join('\n')
}

export function commandsOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ input }) => input.filter((line) => !line.startsWith('#')))
}

/** A command: when, what, and the rest of its words, with those of the form name=value apart. */
export interface Words {
  at: number
  word: string
  args: string[]
  options: Record<string, string>
}

export function wordsOf(command: string): Words {
  const [time = '', word = '', ...rest] = command.split(' ')
  const isOption = (part: string) => part.includes('=')
  return {
    at: Number(time),
    word,
    args: rest.filter((part) => !isOption(part)),
    options: Object.fromEntries(rest.filter(isOption).map((part) => part.split('='))),
  }
}

/** Plays each command and compares what comes of it with what is written. */
export function checkTranscript(name: string, play: (command: string) => string): void {
  const written = readTranscript(name)
  const played = written.map(({ input }) => {
    const output = input.filter((line) => !/^(#|config)/.test(line)).map(play)
    return { input, output: output.join('\n') }
  })
  if (process.env.REWRITE === '1') writeFileSync(join(FOLDER, name), format(played))
  else expect(format(played)).toBe(format(written))
}

export const short = (digest: string): string => digest.slice(0, 6)
