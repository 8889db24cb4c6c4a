/**
 * `barnraise identity backup WHERE` and `identity restore WHERE`: the key of a volunteer or of a
 * run, as 24 words on paper and back. Words are never an argument of a command, which others on the
 * machine see and the shell remembers.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { isCancel, text } from '@clack/prompts'
import { ConfigError, type PeerId } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { UnreachableError } from '../network/errors.ts'
import type { Identity } from '../network/identity.ts'
import { placeIdentity, readIdentity, replaceIdentity } from '../network/identity-file.ts'
import { findInvite } from '../network/page-link.ts'
import {
  identityFromPhrase,
  PHRASE_WORDS,
  phraseFault,
  phraseOf,
} from '../network/recovery-phrase.ts'
import { volunteersAt } from '../roles/volunteer-home.ts'
import { isRunFolder, readCoordinator, runFolder } from '../run/run-folder.ts'
import { tryLock } from '../storage/file-lock.ts'
import { command, quoted } from './command.ts'
import { CommandFailure } from './failure.ts'
import { cacheFolder, coordinatorKey } from './folders.ts'
import { printJson, printLine, printTable } from './output.ts'

interface IdentityOptions {
  /** Where volunteers keep their keys. */
  cache?: string
  json?: boolean
}

export interface BackupOptions extends IdentityOptions {
  showWords?: boolean
}

export interface RestoreOptions extends IdentityOptions {
  force?: boolean
}

/** Where a key lies, or is to lie. */
interface KeyPlace {
  file: string
  /** Who has signed there so far; null: nothing tells. */
  signer: PeerId | null
  /** The processes that have it in use, in words. */
  users(): Promise<string[]>
}

export async function backup(where: string, options: BackupOptions): Promise<void> {
  const { file } = await keyPlace(where, options)
  const identity = await readIdentity(file)
  if (identity === null) {
    throw new ConfigError(
      `Cannot back up the identity of '${where}' as there is none in ${file}: ` +
        '`join` and `host` make one on their first start',
    )
  }
  const peer = identity.peerId
  const words = options.showWords === true ? phraseOf(identity) : null
  if (words !== null) process.stderr.write(`${warningOf(peer)}\n`)
  if (options.json) return printJson(words === null ? { file, peer } : { file, peer, words })
  printTable([
    ['peer', peer],
    ['file', file],
  ])
  if (words === null) {
    const cache = options.cache === undefined ? '' : ` --cache ${quoted(options.cache)}`
    const show = command(`identity backup ${quoted(where)}${cache} --show-words`)
    printLine(`\nIts recovery phrase is shown by this, when nobody looks over your shoulder:\n`)
    return printLine(`  ${show}`)
  }
  printLine(`\n${inRows(words.split(' '))}\n\nOn any machine this makes the same peer of them:\n`)
  printLine(`  ${command('identity restore WHERE')}`)
}

const warningOf = (peer: PeerId): string =>
  `These ${PHRASE_WORDS} words are the key of ${peer} itself. ` +
  'Whoever reads them can pass for it in every run, and nobody can take that back. Write them on ' +
  'paper, in order. They are for you alone: no organiser, page or chat ever needs them.'

const WORDS_IN_ROW = 4

function inRows(words: readonly string[]): string {
  const width = Math.max(...words.map(({ length }) => length))
  const cells = words.map(
    (word, index) => `${String(index + 1).padStart(4)}. ${word.padEnd(width)}`,
  )
  const rows = Array.from({ length: Math.ceil(cells.length / WORDS_IN_ROW) }, (_, row) =>
    cells
      .slice(row * WORDS_IN_ROW, (row + 1) * WORDS_IN_ROW)
      .join('')
      .trimEnd(),
  )
  return rows.join('\n')
}

export async function restore(where: string, options: RestoreOptions): Promise<void> {
  const place = await keyPlace(where, options)
  const identity = await identityFromPhrase(await askedWords())
  const kept = await put(place, identity, options.force === true)
  const { file } = place
  const peer = identity.peerId
  if (options.json) return printJson({ file, peer, ...kept })
  printTable([
    ['peer', peer],
    ['file', file],
    ...(kept.before === null ? [] : [['before', kept.before] as const]),
  ])
  printLine(kept.isNew ? 'The identity is restored.' : 'It was there already: nothing is changed.')
}

/** `before`: where the identity that was there is kept. */
interface Kept {
  isNew: boolean
  before: string | null
}

async function put(place: KeyPlace, identity: Identity, isForced: boolean): Promise<Kept> {
  const { file, signer } = place
  // What is no key can be replaced as well, but only by force.
  const there = await readIdentity(file).catch((error: Error) => error)
  if (!(there instanceof Error) && there?.peerId === identity.peerId) {
    return { isNew: false, before: null }
  }
  const users = await place.users()
  if (users.length > 0) {
    throw new ConfigError(
      `Cannot restore the identity in ${file} as ${users.join(', ')} uses what is there: ` +
        'stop it first',
    )
  }
  const owner = there instanceof Error ? 'what is no key' : (there?.peerId ?? signer)
  const isOthers = owner !== null && owner !== identity.peerId
  if (isOthers && !isForced) throw taken(place, identity, owner)
  if (await placeIdentity(file, identity)) return { isNew: true, before: null }
  if (!isForced) throw taken(place, identity, 'what was made there just now')
  return { isNew: true, before: await replaceIdentity(file, identity) }
}

const taken = ({ file }: KeyPlace, { peerId }: Identity, owner: string): ConfigError =>
  new ConfigError(
    `Cannot restore ${peerId} in ${file} as it belongs to ${owner}: ` +
      "say '--force' to put it there all the same; what is there is kept beside it",
  )

/** @throws ConfigError that says what is wrong with them */
async function askedWords(): Promise<string> {
  if (process.stdin.isTTY !== true) {
    const words = await readAll(process.stdin)
    const fault = phraseFault(words)
    if (fault !== null)
      throw new ConfigError(`Cannot restore from this recovery phrase as ${fault}`)
    return words
  }
  const words = await text({
    message: `The ${PHRASE_WORDS} words of the recovery phrase, when nobody looks on`,
    validate: (given = '') => phraseFault(given) ?? undefined,
    output: process.stderr,
  })
  if (!isCancel(words)) return words
  throw new CommandFailure(EXIT.interrupted, 'interrupted: nothing was restored')
}

const LINK = /^(https?:|barnraise:|\/(ip[46]|dns[46]?)\/)/i

/** @throws ConfigError for what may hold no key */
async function keyPlace(where: string, { cache }: IdentityOptions): Promise<KeyPlace> {
  if (LINK.test(where)) {
    const homes = cache ?? cacheFolder()
    const { coordinator } = await findInvite(where).catch((error: unknown) => {
      throw error instanceof UnreachableError ? unknownRun(homes, error) : error
    })
    const home = join(homes, coordinatorKey(coordinator))
    const file = join(home, 'identity.key')
    return { file, signer: null, users: () => volunteersAt(home) }
  }
  if (isRunFolder(where)) {
    const folder = runFolder(where)
    const signer = await readCoordinator(folder)
    return { file: folder.identity, signer, users: async () => holdersOf(folder.journal) }
  }
  if (existsSync(where) && statSync(where).isDirectory()) {
    throw new ConfigError(
      `Cannot tell which identity is meant as the folder '${where}' has no run: give the link of ` +
        'a run that you volunteer for, the folder of a run that you host, or the file of a key',
    )
  }
  return { file: where, signer: null, users: async () => holdersOf(where) }
}

/** The page that would say which run it is may be gone, with the run. */
function unknownRun(homes: string, { message }: UnreachableError): ConfigError {
  return new ConfigError(
    `Cannot tell which run the link is of: ${message}. The keys of runs that you volunteered for ` +
      `are the files '${join(homes, '*', 'identity.key')}': give one of them in place of the link`,
  )
}

function holdersOf(file: string): string[] {
  if (!existsSync(file)) return []
  const lock = tryLock(file)
  if (lock.status === 'held') return [lock.holder]
  lock.release()
  return []
}
