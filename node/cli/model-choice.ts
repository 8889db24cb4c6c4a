/** The options by which generate, chat, eval and logits choose a model. */
import { type Command, InvalidArgumentError } from 'commander'
import { locateBase } from '../run/locate-run.ts'
import type { ModelChoice } from '../run/text-model.ts'
import { openTextModel } from '../run/text-model.ts'
import { openTextSession, type TextSession } from '../run/text-session.ts'
import { hubOf } from './hub.ts'
import { createScreen } from './terminal.ts'

export type ModelOptions = Omit<ModelChoice, 'run' | 'name'>

export function addModelOptions(command: Command): Command {
  return command
    .argument('[folder]', 'the folder of a run: its base and its latest adapter')
    .option('--model <folder>', 'instead of a run: a folder, a GGUF file, org/name, or `embedded`')
    .option('--adapter <folder>', 'a PEFT adapter for that model')
    .option('--context <n>', 'tokens of context (default: what the base was trained on)', whole)
}

/** Opens the model, works with it, and closes it whatever happens. */
export async function withTextSession<T>(
  run: string | undefined,
  { model, adapter, context }: ModelOptions,
  work: (session: TextSession) => Promise<T>,
): Promise<T> {
  const screen = createScreen(process.stderr)
  screen.update('opening the model')
  const located = model && (await locateBase(model, '.', await hubOf(screen)))
  const chosen = await openTextModel({ run, model: located, name: model, adapter, context })
  const session = await openTextSession(chosen).finally(screen.clear)
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
