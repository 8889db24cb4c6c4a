/**
 * The model of some rounds in a page, each answering the same prompt: a worker, since only workers
 * write to the browser's files in place, and since a tokenizer is much to read. The numbers run in
 * a compute thread of their own, the one that trains.
 */

import { adapterLayout } from '../../../kernels/index.ts'
import type { BlobReference } from '../../../protocol/index.ts'
import type { Compute } from '../../compute/compute.ts'
import { floatsOf } from '../../compute/floats.ts'
import type { TryPlan } from '../../dashboard/try-plan.ts'
import { type ChatTemplate, modelTemplate } from '../../model/chat-template.ts'
import { withStops } from '../../model/stops.ts'
import { createTalk, type Talk } from '../../model/talk.ts'
import { type TextTokenizer, tokenizerFromBytes } from '../../model/tokenizer.ts'
import { writeText } from '../../text/write-text.ts'
import { type Ask, askThrough } from './door.ts'
import { fetchBlob } from './fetch-blob.ts'
import { type OpenedStore, openStore } from './open-store.ts'
import './report-rejections.ts'
import { startCompute } from './start-compute.ts'
import { failureOf } from './text-failure.ts'
import { fitText } from './text-memory.ts'
import type { FromText, Ask as Question, ToText, Voice } from './text-messages.ts'

interface Source extends OpenedStore {
  plan: TryPlan
  address: string
  headers: Record<string, string>
  ask: Ask
}

interface OpenModel {
  compute: Compute
  tokenizer: TextTokenizer
  template: ChatTemplate | null
}

let source: Source | null = null
let model: OpenModel | null = null
/** The talk of each voice, by its round. */
let talks = new Map<number, Talk>()
/** Who was last asked to answer. */
let asked: readonly Voice[] = []
let isStopped = false

async function plan(given: Extract<ToText, { type: 'plan' }>): Promise<void> {
  const { door, word, memoryBytesMax } = given
  const headers = { Authorization: `Bearer ${word}` }
  const ask = askThrough(door)
  const response = await ask(`${door.address}try/plan`, { headers })
  if (!response.ok) throw new Error(`The coordinator answered: ${await response.text()}`)
  const made = (await response.json()) as TryPlan
  const { blobs, storage } = await openStore()
  const address = `${door.address}try/files/`
  source = { plan: made, blobs, storage, address, headers, ask }
  let fetchBytes = 0
  for (const { digest, bytes } of filesOf(made)) if (!(await blobs.has(digest))) fetchBytes += bytes
  post({
    type: 'planned',
    name: made.name,
    fetchBytes,
    memory: fitText(made, memoryBytesMax),
    storage,
  })
}

function filesOf({ weights, companions }: TryPlan): BlobReference[] {
  return [...Object.values(companions), weights]
}

async function open(): Promise<void> {
  const { plan: made, blobs } = source!
  const files = filesOf(made)
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  for (const file of files) {
    await bring(file, (bytes) => post({ type: 'transfer', done: before + bytes, total }))
    before += file.bytes
  }
  post({ type: 'opening' })
  const companions = new Map<string, Uint8Array>()
  for (const [name, { digest }] of Object.entries(made.companions)) {
    companions.set(name, await blobs.read(digest))
  }
  const [tokenizer, config] = ['tokenizer.json', 'tokenizer_config.json'].map(
    (name) => companions.get(name) ?? new Uint8Array(0),
  )
  const compute = startCompute()
  const weights = new Blob([(await blobs.read(made.weights.digest)) as Uint8Array<ArrayBuffer>])
  const template = modelTemplate(companions)
  model = {
    compute,
    tokenizer: withStops(tokenizerFromBytes(tokenizer!, config!), companions, template),
    template,
  }
  await compute.run('open-model', { shape: made.shape, weights })
  post({ type: 'opened', speaks: model.template === null ? 'text' : 'talk' })
}

async function bring(blob: BlobReference, onProgress: (bytes: number) => void): Promise<void> {
  const { blobs, address, headers, ask: fetch } = source!
  await fetchBlob(blobs, blob, { address, headers, onProgress, fetch })
}

/** All of them before anybody speaks, so that a fetch that fails leaves the talk as it was. */
async function bringAdapters(voices: readonly Voice[]): Promise<void> {
  const { plan: made, blobs, storage } = source!
  const bytes = 4 * adapterLayout(made.shape.model, made.shape.adapter).count
  const wanted = new Set(voices.map(({ adapter }) => adapter))
  for (const { adapter } of asked) {
    // Where files are memory, it holds no more of them than answer at once.
    const isUnused = storage === 'forgotten' && adapter !== null && !wanted.has(adapter)
    if (isUnused) await blobs.remove(adapter)
  }
  asked = voices
  for (const digest of wanted) {
    if (digest !== null) await bring({ digest, bytes }, () => {})
  }
}

async function ask({ prompt, voices, goesOn, ...options }: Question): Promise<void> {
  const { compute, tokenizer, template } = model!
  isStopped = false
  try {
    await bringAdapters(voices)
  } catch (error) {
    post({ type: 'unanswered', ...failureOf(error as Error, 'fetch') })
    return
  }
  if (!goesOn) talks = new Map()
  for (const { round, adapter: digest } of voices) {
    const talk = talks.get(round) ?? createTalk({ tokenizer, template })
    talks.set(round, talk)
    const ids = talk.say(prompt)
    if (isStopped) {
      // Templates want each question answered before the next.
      talk.answered('')
      continue
    }
    post({ type: 'begins', round })
    const begunAt = performance.now()
    const adapter = digest === null ? null : floatsOf(await source!.blobs.read(digest))
    const onText = (text: string) => post({ type: 'piece', round, text })
    const request = { ...options, prompt: ids, adapter }
    const { text, tokens } = await writeText({ compute, tokenizer }, request, onText)
    talk.answered(text)
    post({ type: 'ends', round, speed: (tokens * 1000) / (performance.now() - begunAt) })
  }
  post({ type: 'answered' })
}

function post(message: FromText): void {
  postMessage(message)
}

addEventListener('message', ({ data }: MessageEvent<ToText>) => {
  const fail = (error: Error) =>
    post({ type: 'failed', ...failureOf(error, model === null ? 'fetch' : 'broken') })
  switch (data.type) {
    case 'plan':
      plan(data).catch(fail)
      return
    case 'open':
      open().catch(fail)
      return
    case 'ask':
      ask(data).catch(fail)
      return
    case 'stop':
      isStopped = true
      model?.compute.stopWriting()
  }
})
