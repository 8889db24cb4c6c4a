/**
 * Base and adapter in a page, each answering the same prompt: a worker, since only workers write to
 * the browser's files in place, and since a tokenizer is much to read. The numbers run in a compute
 * thread of their own, the one that trains.
 */
import { adapterLayout } from '../../kernels/lora.ts'
import type { Digest } from '../../protocol/digest.ts'
import { ConfigError, ProtocolError } from '../../protocol/errors.ts'
import type { BlobReference } from '../../protocol/run-config.ts'
import type { TryPlan } from '../dashboard/try-files.ts'
import { type ChatTemplate, openChatTemplate } from '../model/chat-template.ts'
import { createTalk, type Talk } from '../model/talk.ts'
import { type TextTokenizer, tokenizerFromBytes } from '../model/tokenizer.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { StorageError } from '../storage/errors.ts'
import type { Compute } from '../training/compute.ts'
import { floatsOf } from '../training/floats.ts'
import { writeText } from '../training/write-text.ts'
import { fetchBlob } from './fetch-blob.ts'
import { openStore } from './open-store.ts'
import { startCompute } from './start-compute.ts'
import { fitText } from './text-memory.ts'
import type { Ask, FailureCode, FromText, ToText, Voice } from './text-messages.ts'

interface Source {
  plan: TryPlan
  blobs: BlobStore
  address: string
  headers: Record<string, string>
}

interface OpenModel {
  compute: Compute
  tokenizer: TextTokenizer
  template: ChatTemplate | null
}

let source: Source | null = null
let model: OpenModel | null = null
let talks: Record<Voice, Talk> | null = null
let isHushed = false

async function plan(given: Extract<ToText, { type: 'plan' }>): Promise<void> {
  const { address, word, memoryBytesMax } = given
  const headers = { Authorization: `Bearer ${word}` }
  const response = await fetch(`${address}try/plan`, { headers })
  if (!response.ok) throw new Error(`The coordinator answered: ${await response.text()}`)
  const made = (await response.json()) as TryPlan
  const { blobs, storage } = await openStore()
  source = { plan: made, blobs, address: `${address}try/files/`, headers }
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
  model = {
    compute,
    tokenizer: tokenizerFromBytes(tokenizer!, config!),
    template: templateOf(companions),
  }
  await compute.run('open-model', { shape: made.shape, weights })
  post({ type: 'opened', speaks: model.template === null ? 'text' : 'talk' })
}

function templateOf(companions: ReadonlyMap<string, Uint8Array>): ChatTemplate | null {
  try {
    return openChatTemplate(companions)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

async function bring(blob: BlobReference, onProgress: (bytes: number) => void): Promise<void> {
  const { blobs, address, headers } = source!
  const own = (url: string, init: RequestInit) => fetch(url, init)
  await fetchBlob(blobs, blob, { address, headers, onProgress, fetch: own })
}

async function adapterOf(digest: Digest): Promise<Float32Array> {
  const { plan: made, blobs } = source!
  const bytes = 4 * adapterLayout(made.shape.model, made.shape.adapter).count
  await bring({ digest, bytes }, () => {})
  return floatsOf(await blobs.read(digest))
}

async function ask({ prompt, adapter: digest, goesOn, ...options }: Ask): Promise<void> {
  const { compute, tokenizer, template } = model!
  isHushed = false
  if (!goesOn || talks === null) {
    const newTalk = () => createTalk({ tokenizer, template })
    talks = { base: newTalk(), adapter: newTalk() }
  }
  const adapter = digest === null ? null : await adapterOf(digest)
  const voices: Voice[] = adapter === null ? ['base'] : ['base', 'adapter']
  for (const voice of voices) {
    const ids = talks[voice].say(prompt)
    if (isHushed) {
      // Templates want each question answered before the next.
      talks[voice].answered('')
      continue
    }
    post({ type: 'begins', voice })
    const request = { ...options, prompt: ids, adapter: voice === 'base' ? null : adapter }
    const onText = (text: string) => post({ type: 'piece', voice, text })
    const { text } = await writeText({ compute, tokenizer }, request, onText)
    talks[voice].answered(text)
  }
  post({ type: 'answered' })
}

function post(message: FromText): void {
  postMessage(message)
}

/** What is wrong, as far as it can be told apart; a fetch that fails is a TypeError. */
function codeOf(error: Error, otherwise: FailureCode): FailureCode {
  if (error instanceof StorageError) return error.code === 'full' ? 'full' : 'damaged'
  if (error.name === 'QuotaExceededError') return 'full'
  if (error instanceof ProtocolError || error instanceof ConfigError) return 'damaged'
  return error instanceof TypeError ? 'fetch' : otherwise
}

const BUSY = 'Another tab of this browser fetches the same: try again when it is done.'

addEventListener('message', ({ data }: MessageEvent<ToText>) => {
  const fail = (error: Error) => {
    const reason = error.name === 'NoModificationAllowedError' ? BUSY : error.message
    post({ type: 'failed', code: codeOf(error, model === null ? 'fetch' : 'broken'), reason })
  }
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
    case 'hush':
      isHushed = true
      model?.compute.hush()
  }
})
