/** `barnraise generate FOLDER -p TEXT`: base and adapter side by side. */

import { generateSamples, type Sample } from '../run/generate-text.ts'
import { runFolder } from '../run/run-folder.ts'
import { printJson, printLine } from './output.ts'
import { paint } from './terminal.ts'

export interface GenerateCommandOptions {
  prompt: string
  tokens: number
  temperature: number
  seed: number
  json?: boolean
}

export async function generate(root: string, options: GenerateCommandOptions): Promise<void> {
  const [sample] = await generateSamples(runFolder(root), [options])
  if (options.json) printJson(sample)
  else printSample(sample!)
}

export function printSample({ prompt, base, adapter }: Sample): void {
  for (const [name, text] of [
    ['base', base],
    ['adapter', adapter],
  ] as const) {
    printLine(paint('dim', `${name}:`, process.stdout))
    printLine(`  ${paint('bold', prompt, process.stdout)}${text.replaceAll('\n', '\n  ')}`)
  }
}
