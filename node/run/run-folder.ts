/**
 * A run on the organiser's disk: everything needed to go on after a crash, to export, and to
 * verify.
 *
 *   run.yaml        as the organiser wrote it
 *   run-config.bin  canonical; its digest is the RunId
 *   identity.key    the coordinator's libp2p key
 *   token           what the invite link carries
 *   journal.sqlite  every accepted event, hash-chained
 *   blobs/          weights, shards, deltas, adapters
 *   base/           config and tokenizer of the base
 *   adapter/        the latest PEFT export, and beside it folders of other formats
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import { decodeRunConfig, type RunConfig, type RunId, runIdOf } from '../../protocol/run-config.ts'

export interface RunFolder {
  root: string
  yaml: string
  config: string
  identity: string
  token: string
  link: string
  journal: string
  blobs: string
  base: string
}

export function runFolder(root: string): RunFolder {
  return {
    root,
    yaml: join(root, 'run.yaml'),
    config: join(root, 'run-config.bin'),
    identity: join(root, 'identity.key'),
    token: join(root, 'token'),
    link: join(root, 'link'),
    journal: join(root, 'journal.sqlite'),
    blobs: join(root, 'blobs'),
    base: join(root, 'base'),
  }
}

export const isRunFolder = (root: string): boolean => existsSync(runFolder(root).config)

/** @throws ConfigError when the folder holds no run, or its RunConfig is damaged. */
export async function readRunConfig(
  folder: RunFolder,
): Promise<{ config: RunConfig; runId: RunId }> {
  if (!existsSync(folder.config)) {
    throw new ConfigError(
      `Cannot open a run in '${folder.root}': it has no run-config.bin. ` +
        'Give the folder that `barnraise host` or `barnraise demo` made.',
    )
  }
  try {
    const config = decodeRunConfig(await readFile(folder.config))
    return { config, runId: runIdOf(config) }
  } catch (error) {
    throw new ConfigError(`Cannot read '${folder.config}': ${(error as Error).message}`)
  }
}

/** The invite token: 128 random bits, made once a run. */
export async function readOrMakeToken(folder: RunFolder): Promise<string> {
  if (existsSync(folder.token)) return (await readFile(folder.token, 'utf8')).trim()
  await mkdir(folder.root, { recursive: true })
  const token = randomBytes(16).toString('base64url')
  await writeFile(folder.token, `${token}\n`, { mode: 0o600 })
  return token
}
