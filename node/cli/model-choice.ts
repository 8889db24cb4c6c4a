/** The options by which generate, chat, eval and logits choose a model. */
import { type Command, InvalidArgumentError } from 'commander'
import { locateBase } from '../setup/locate-run.ts'
import { type ModelChoice, openTextModel } from '../text/text-model.ts'
import { openTextSession, type TextSession } from '../text/text-session.ts'
import { hubOf } from './hub.ts'
import { roundWords } from './round-words.ts'
import { createScreen } from './terminal.ts'

export type ModelOptions = Omit<ModelChoice, 'run' | 'name'>

export function addModelOptions(command: Command): Command {
  return command
    .argument('[folder]', 'the folder of a run: its base and its best adapter')
    .option(
      '--round <n>',
      'of a run: its adapter after this many rounds (default: the best)',
      whole,
    )
    .option('--model <folder>', 'instead of a run: a folder, a GGUF file, org/name, or `embedded`')
    .option('--adapter <folder>', 'a PEFT adapter for that model')
    .option('--context <n>', 'tokens of context (default: what the base was trained on)', whole)
}

/** Opens the model, works with it, and closes it whatever happens. */
export async function withTextSession<T>(
  run: string | undefined,
  { model, adapter, context, round }: ModelOptions,
  work: (session: TextSession) => Promise<T>,
): Promise<T> {
  const screen = createScreen(process.stderr)
  screen.update('opening the model')
  const located = model && (await locateBase(model, '.', await hubOf(screen)))
  const chosen = await openTextModel({
    run,
    round,
    model: located,
    name: model,
    adapter,
    context,
  })
  const session = await openTextSession(chosen).finally(screen.clear)
  if (chosen.source !== null && chosen.source.round < chosen.source.rounds) {
    screen.print(`the adapter is that of ${roundWords(chosen.source, round === undefined)}`)
  }
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}
