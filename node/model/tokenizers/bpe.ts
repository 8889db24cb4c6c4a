/**
 * Byte-pair encoding: of all neighbours those are merged first whose merge is first in the list, of
 * equal ones the leftmost, until no merge is left.
 * Source: Sennrich et al. 2016; tokenizers (Rust), models/bpe/{model,word}.rs.
 */
import { z } from 'zod'

const absent = z.union([z.null(), z.literal('')]).optional()

/** Checked by hand: there are hundreds of thousands, of which a schema would take seconds. */
const vocabulary = z.custom<Record<string, number>>(
  (value) => isObject(value) && Object.values(value).every((id) => Number.isInteger(id) && id >= 0),
  'must be words with their ids',
)
const isObject = (value: unknown): value is Record<string, number> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown) => typeof value === 'string'
type MergeJson = string | [left: string, right: string]
const mergeList = z.custom<MergeJson[]>(
  (value) =>
    Array.isArray(value) &&
    value.every(
      (one) => isText(one) || (Array.isArray(one) && one.length === 2 && one.every(isText)),
    ),
  'must be pairs of words',
)

export const bpeSchema = z.looseObject({
  type: z.literal('BPE').optional(),
  vocab: vocabulary,
  merges: mergeList,
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  /** Merges that are left out by chance: nobody would get the same ids twice. */
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  continuing_subword_prefix: absent,
  end_of_word_suffix: absent,
})
type BpeJson = z.infer<typeof bpeSchema>

interface Merge {
  rank: number
  id: number
}

/** Keys of pairs of ids. */
const PAIR = 2 ** 24
const CACHE_SIZE_MAX = 10_000
const CACHED_LENGTH_MAX = 64

/** The ids of a piece. @throws Error for merges of what is no word, as in the Rust library */
export function createBpe(json: BpeJson): (piece: string) => readonly number[] {
  const vocab = new Map(Object.entries(json.vocab))
  const merges = mergesOf(json, vocab)
  const cache = new Map<string, readonly number[]>()
  return (piece) => {
    const whole = json.ignore_merges === true ? vocab.get(piece) : undefined
    if (whole !== undefined) return [whole]
    const known = cache.get(piece)
    if (known !== undefined) return known
    const ids = merged(lettersOf(piece, json, vocab), merges)
    if (piece.length <= CACHED_LENGTH_MAX) {
      if (cache.size === CACHE_SIZE_MAX) cache.clear()
      cache.set(piece, ids)
    }
    return ids
  }
}

function mergesOf({ merges }: BpeJson, vocab: ReadonlyMap<string, number>): Map<number, Merge> {
  const found = new Map<number, Merge>()
  for (const [rank, merge] of merges.entries()) {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    const a = vocab.get(pair[0]!)
    const b = vocab.get(pair[1] ?? '')
    const id = vocab.get(pair[0]! + pair[1])
    if (a === undefined || b === undefined || id === undefined || pair.length !== 2) {
      throw new Error(`its merge ${JSON.stringify(merge)} is not one of two words to a third`)
    }
    found.set(a * PAIR + b, { rank, id })
  }
  return found
}

/** One id a letter, its bytes' where it is no word, or the unknown one. */
function lettersOf(piece: string, json: BpeJson, vocab: ReadonlyMap<string, number>): number[] {
  const unknown = json.unk_token == null ? undefined : vocab.get(json.unk_token)
  const ids: number[] = []
  let wasUnknown = false
  for (const letter of piece) {
    const id = vocab.get(letter)
    const found = id === undefined ? bytesOf(letter, json, vocab) : [id]
    if (found !== null) ids.push(...found)
    else if (unknown !== undefined && !(wasUnknown && json.fuse_unk === true)) ids.push(unknown)
    wasUnknown = found === null
  }
  return ids
}

function bytesOf(
  letter: string,
  json: BpeJson,
  vocab: ReadonlyMap<string, number>,
): number[] | null {
  if (json.byte_fallback !== true) return null
  const ids: number[] = []
  for (const byte of new TextEncoder().encode(letter)) {
    const id = vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    if (id === undefined) return null
    ids.push(id)
  }
  return ids
}

interface Candidate {
  rank: number
  at: number
  id: number
}

/** A text without spaces may be one piece, so that looking through all of it each time is slow. */
function merged(ids: readonly number[], merges: ReadonlyMap<number, Merge>): number[] {
  const at = [...ids]
  const next = ids.map((_, i) => i + 1)
  const before = ids.map((_, i) => i - 1)
  const queue: Candidate[] = []
  const offer = (i: number, j: number) => {
    if (i < 0 || j >= at.length) return
    const merge = merges.get(at[i]! * PAIR + at[j]!)
    if (merge === undefined) return
    put(queue, { rank: merge.rank, at: i, id: merge.id })
  }
  for (let i = 0; i + 1 < at.length; i++) offer(i, i + 1)
  for (let best = take(queue); best !== undefined; best = take(queue)) {
    const { at: i } = best
    const j = next[i]!
    // One of the two may have gone into another merge; what they make may still be the same.
    if (at[i] === GONE || j >= at.length) continue
    if (merges.get(at[i]! * PAIR + at[j]!)?.id !== best.id) continue
    at[i] = best.id
    at[j] = GONE
    next[i] = next[j]!
    if (next[i]! < at.length) before[next[i]!] = i
    offer(before[i]!, i)
    offer(i, next[i]!)
  }
  return at.filter((id) => id !== GONE)
}

const GONE = -1

const isBefore = (a: Candidate, b: Candidate) =>
  a.rank < b.rank || (a.rank === b.rank && a.at < b.at)

/** A binary heap. */
function put(queue: Candidate[], candidate: Candidate): void {
  let i = queue.length
  queue.push(candidate)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!isBefore(candidate, queue[parent]!)) break
    queue[i] = queue[parent]!
    i = parent
  }
  queue[i] = candidate
}

function take(queue: Candidate[]): Candidate | undefined {
  const first = queue[0]
  const last = queue.pop()
  if (last === undefined || queue.length === 0) return first
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= queue.length) break
    if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child += 1
    if (!isBefore(queue[child]!, last)) break
    queue[i] = queue[child]!
    i = child
  }
  queue[i] = last
  return first
}
