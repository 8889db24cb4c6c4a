/**
 * A run of conversations on a base that was not made to chat: what chats with it afterwards, here
 * or elsewhere, writes them as they were learned.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { EXPORT_FORMATS } from '../../node/export/formats.ts'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { EMBEDDED_MODEL, openBaseModel, readCompanions } from '../../node/model/base-model.ts'
import { hasChatTemplate, openChatTemplate } from '../../node/model/chat-template.ts'
import { ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import { ggufPieces } from '../../node/model/gguf-write.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { prepareRun } from '../../node/setup/prepare-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { RUN } from '../export/fixtures.ts'
import { hostRun, joinRun, runYaml, temporaryFolder } from '../roles/swarm.ts'

const ROW = {
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ],
}
const TALK = [{ role: 'user', content: 'q' }]

/** The embedded base, without a template, as a GGUF of its own licence. */
async function ggufBase(folder: string): Promise<string> {
  const { shape: model, weights, contextLength, close } = await openBaseModel(EMBEDDED_MODEL)
  const file = (name: string) => readFile(join(EMBEDDED_MODEL, name))
  const tokenizer = ggufTokenizer(
    {
      tokenizer: await file('tokenizer.json'),
      config: await file('tokenizer_config.json'),
      chatTemplate: null,
    },
    model.vocabSize,
  )
  const run = { ...RUN, base: { ...RUN.base, license: 'bsd-3-clause' } }
  const gguf = ggufModel({ run, model, contextLength, tokenizer, weights, type: 'F16' })
  await writeFile(join(folder, 'base.gguf'), Buffer.concat([...ggufPieces(gguf)]))
  close()
  return 'base.gguf'
}

async function prepared(settings: Record<string, string>, rows: readonly object[]) {
  const folder = await temporaryFolder()
  const base = await ggufBase(folder)
  await writeFile(join(folder, 'rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  const source = runYaml(
    { base_model: base, max_steps: 8, sequence_len: 128, ...settings },
    { rounds: 1 },
  )
  const yaml = parseRunYaml(source.replace('text.txt', 'rows.jsonl'), join(folder, 'run.yaml'))
  const run = runFolder(join(folder, 'run'))
  const { notes } = await prepareRun(await locateRun(yaml, null), run)
  return { run, notes }
}

test('a run on a base without a template talks as it was trained', async () => {
  const { run, notes } = await prepared({ chat_template: 'chatml' }, Array(40).fill(ROW))
  expect(notes.join()).not.toContain('chat_template')
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ann')
  await hosted.finished
  await hosted.stop()

  const expected = openChatTemplate(new Map(), 'chatml').render(TALK, true)
  const trained = await openTextModel({ run: run.root })
  expect(trained.template?.render(TALK, true)).toBe(expected)

  for (const format of EXPORT_FORMATS) {
    const { folder } = await exportRun(run, { format, round: null, out: null })
    const [, front, body] = (await readFile(join(folder, 'README.md'), 'utf8')).split('---\n')
    expect(parse(front!), format).toMatchObject({ license: 'bsd-3-clause' })
    if (format === 'gguf-lora') expect(body).toContain('--chat-template-file chat_template.jinja')
    const model = format === 'merged' ? folder : join(folder, 'model.gguf')
    if (!format.startsWith('merged')) {
      expect(await readFile(join(folder, 'chat_template.jinja'), 'utf8')).toContain('<|im_start|>')
      continue
    }
    const { template } = await openTextModel({ model })
    expect(template?.render(TALK, true), format).toBe(expected)
  }
})

test('a template that writes no row is told, and not kept', async () => {
  const { run, notes } = await prepared(
    { chat_template: 'chatml' },
    Array(40).fill({ text: 'Call me Ishmael, some years ago, never mind how long precisely.' }),
  )
  expect(notes.join()).toContain('chat_template: it has no effect')
  expect(hasChatTemplate(await readCompanions(run.base))).toBe(false)
})
