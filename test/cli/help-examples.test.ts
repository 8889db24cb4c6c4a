/** Each command teaches by examples, which the program understands. */
import type { Command } from 'commander'
import { expect, test, vi } from 'vitest'
import { EXAMPLES } from '../../node/cli/help-examples.ts'
import { createProgram } from '../../node/cli/program.ts'
import { COMMAND } from '../../node/command.ts'

/** The commands that do something, by their words. */
function leaves(parent: Command, before = ''): [words: string, command: Command][] {
  return parent.commands.flatMap((command) => {
    const words = before + command.name()
    return command.commands.length > 0 ? leaves(command, `${words} `) : [[words, command]]
  })
}

test('every command has examples, and they stand in its help', () => {
  const commands = leaves(createProgram([]))
  expect(Object.keys(EXAMPLES).sort()).toEqual(commands.map(([words]) => words).sort())
  for (const [words, command] of commands) {
    const help: string[] = []
    command.configureOutput({ writeOut: (text) => help.push(text) }).outputHelp()
    for (const [line] of EXAMPLES[words]!) expect(help.join('')).toContain(`${COMMAND} ${line}`)
  }
})

for (const [words, examples] of Object.entries(EXAMPLES)) {
  for (const [line] of examples) {
    test(`the program understands: ${line}`, async () => {
      const given = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
        ([, one, two, three]) => one ?? two ?? three!,
      )
      const argv = ['node', 'barnraise', ...given]
      const program = createProgram(argv)
      const done = vi.fn()
      const [, command] = leaves(program).find(([name]) => name === words)!
      command.action(done)
      await program.parseAsync(argv)
      expect(done).toHaveBeenCalledOnce()
    })
  }
}
