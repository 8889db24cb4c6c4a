/**
 * A run on the organiser's disk: everything needed to go on after a crash, to export, and to
 * verify.
 *
 *   run.yaml        as the organiser wrote it, when it was last hosted by it
 *   run-config.bin  canonical; its digest is the RunId
 *   identity.key    the coordinator's libp2p key
 *   coordinator     its peer id, for who has a copy without the key
 *   token           what the run's link carries; a new one is made where it is missing
 *   link            the run's link, with the addresses of the process that hosts it, or did last
 *   coin.key        what the keys are made of that audits are drawn with
 *   journal.sqlite  every accepted event, hash-chained
 *   blobs/          weights, shards, deltas, adapters
 *   base/           config and tokenizer of the base
 *   adapter/        the latest PEFT export, and beside it folders of other formats
 *   publishing/     what is on its way to the Hub, as long as it is
 */

import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ConfigError,
  decodeRunConfig,
  type PeerId,
  type RunConfig,
  type RunId,
  runIdOf,
} from '../../protocol/index.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { whyUnread } from '../system-reason.ts'
import { INDEX_FILE } from './publication.ts'

export interface RunFolder {
  root: string
  yaml: string
  config: string
  identity: string
  coordinator: string
  token: string
  coinKey: string
  link: string
  journal: string
  blobs: string
  base: string
  adapter: string
  publishing: string
}

export function runFolder(root: string): RunFolder {
  return {
    root,
    yaml: join(root, 'run.yaml'),
    config: join(root, 'run-config.bin'),
    identity: join(root, 'identity.key'),
    coordinator: join(root, 'coordinator'),
    token: join(root, 'token'),
    coinKey: join(root, 'coin.key'),
    link: join(root, 'link'),
    journal: join(root, 'journal.sqlite'),
    blobs: join(root, 'blobs'),
    base: join(root, 'base'),
    adapter: join(root, 'adapter'),
    publishing: join(root, 'publishing'),
  }
}

export const isRunFolder = (root: string): boolean => existsSync(runFolder(root).config)

/** @throws ConfigError that says what the folder is, where it is not that of a run */
export function checkRunFolder({ root, config }: RunFolder): void {
  if (existsSync(join(root, INDEX_FILE))) {
    throw new ConfigError(
      `Cannot open a run in '${root}' as it is what \`barnraise publish\` made of one, which ` +
        '`verify` and `credit` take: give the folder of the run itself',
    )
  }
  if (existsSync(config)) return
  throw new ConfigError(
    `Cannot open a run in '${root}': ${whyNoRun(root)}. ` +
      'Give the folder that `barnraise host` or `barnraise demo` made.',
  )
}

/** What there is instead of a folder with a RunConfig. */
export function whyNoRun(root: string): string {
  const found = statSync(root, { throwIfNoEntry: false })
  if (found === undefined) return 'there is no such folder'
  if (found.isDirectory()) return 'it has no run-config.bin'
  const isYaml = /\.ya?ml$/.test(root)
  return isYaml ? 'it is a file that says what to train, and no run' : 'it is a file, and no run'
}

/** @throws ConfigError when the folder holds no run, or its RunConfig is damaged. */
export async function readRunConfig(
  folder: RunFolder,
): Promise<{ config: RunConfig; runId: RunId }> {
  checkRunFolder(folder)
  try {
    const config = decodeRunConfig(await readFile(folder.config))
    return { config, runId: runIdOf(config) }
  } catch (error) {
    throw new ConfigError(`Cannot read '${folder.config}': ${whyUnread(error)}`)
  }
}

/** Who is said to have coordinated the run in this folder; null: nothing says it. */
export async function readCoordinator(folder: RunFolder): Promise<PeerId | null> {
  return (await readFile(folder.coordinator, 'utf8').catch(ignoreMissing))?.trim() ?? null
}

/** Kept beside the key, for copies of the run that have no key. */
export async function writeCoordinator(folder: RunFolder, peer: PeerId): Promise<void> {
  if ((await readCoordinator(folder)) === null) await writeFile(folder.coordinator, `${peer}\n`)
}

/**
 * The token of the run's link: 128 random bits. Who removes the file, and hosts again, has a new
 * one.
 */
export async function readOrMakeToken(
  folder: RunFolder,
): Promise<{ token: string; isNew: boolean }> {
  if (existsSync(folder.token)) {
    return { token: (await readFile(folder.token, 'utf8')).trim(), isNew: false }
  }
  await mkdir(folder.root, { recursive: true })
  const token = randomBytes(16).toString('base64url')
  await writeSecret(folder.token, token)
  return { token, isNew: true }
}

/**
 * What the keys are made of that audits are drawn with. Where the file is lost a new one is made:
 * draws go on with it, and those before it cannot be checked any more, unless their key was
 * published already.
 */
export async function readOrMakeCoinSecret({
  root,
  coinKey,
}: RunFolder): Promise<{ secret: Uint8Array; isNew: boolean }> {
  if (existsSync(coinKey)) {
    const written = await readFile(coinKey, 'utf8')
    return { secret: Buffer.from(written.trim(), 'hex'), isNew: false }
  }
  await mkdir(root, { recursive: true })
  const secret = randomBytes(32)
  await writeSecret(coinKey, secret.toString('hex'))
  return { secret, isNew: true }
}

/** A line that only this user may read. */
export async function writeSecret(file: string, line: string): Promise<void> {
  await writeFile(file, `${line}\n`, { mode: SECRET_MODE })
  // The mode above is that of a new file; an older one keeps its own.
  await chmod(file, SECRET_MODE)
}

const SECRET_MODE = 0o600
