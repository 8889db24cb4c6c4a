/** A small run in a temporary folder, hosted and joined in this process over loopback. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { JobLimits } from '../../node/compute/job.ts'
import type { Progress } from '../../node/history/progress.ts'
import { type Invite, parseLink } from '../../node/network/link.ts'
import {
  type CoordinatorOptions,
  type CoordinatorRole,
  startCoordinator,
} from '../../node/roles/coordinator.ts'
import { type LocalVolunteerOptions, startVolunteer } from '../../node/roles/local-volunteer.ts'
import type { VolunteerRole } from '../../node/roles/volunteer.ts'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { prepareRun } from '../../node/setup/prepare-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { silentLog } from '../silent-log.ts'
import { SMALL_BASE } from './small-base.ts'

/** Keys of run.yaml that a test sets itself; those of `swarm` are given by their own names. */
export type Overrides = Record<string, string | number | boolean>

const SETTINGS: Overrides = {
  base_model: SMALL_BASE,
  sequence_len: 16,
  micro_batch_size: 2,
  max_steps: 16,
  val_set_size: 0.05,
  learning_rate: 0.002,
  warmup_ratio: 0,
  seed: 5,
}

/**
 * Eight batches a round, always in leases of two: which leases there are depends on nothing else.
 */
const SWARM: Overrides = {
  rounds: 8,
  round_seconds: 300,
  grace_seconds: 30,
  rejoin_seconds: 1,
  round_batches: 8,
  lease_steps_min: 2,
  lease_steps_max: 2,
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function runYaml(settings: Overrides = {}, swarm: Overrides = {}): string {
  const lines = (keys: Overrides, indent: string) =>
    Object.entries(keys).map(([key, value]) => `${indent}${key}: ${value}\n`)
  return [
    'name: small\ndatasets:\n  - path: text.txt\n',
    ...lines({ ...SETTINGS, ...settings }, ''),
    'swarm:\n',
    ...lines({ ...SWARM, ...swarm }, '  '),
  ].join('')
}

/** Some text that a model can learn from: sentences of a small grammar. */
export function smallText(sentences = 400): string {
  const random = prng(1)
  const pick = (words: readonly string[]) => words[nextBelow(random, words.length)]
  return Array.from({ length: sentences }, () => {
    const subject = pick(['The farmer', 'A neighbour', 'The carpenter', 'Her sister'])
    const verb = pick(['raised', 'carried', 'measured', 'painted'])
    return `${subject} ${verb} ${pick(['the beam', 'a wall', 'the old roof', 'every board'])}.`
  }).join(' ')
}

export async function prepareSmallRun(
  settings: Overrides = {},
  swarm: Overrides = {},
): Promise<RunFolder> {
  const folder = await temporaryFolder()
  const source = runYaml(settings, swarm)
  await writeFile(join(folder, 'text.txt'), smallText())
  const run = runFolder(join(folder, 'run'))
  const located = await locateRun(parseRunYaml(source, join(folder, 'run.yaml')), null)
  await prepareRun(located, run)
  return run
}

const LIMITS: JobLimits = { threads: 1, memoryBytesMax: 1e9 }

export interface Hosted extends CoordinatorRole {
  facts: Progress[]
}

export async function hostRun(
  run: RunFolder,
  options: Partial<CoordinatorOptions> = {},
): Promise<Hosted> {
  const facts: Progress[] = []
  const role = await startCoordinator(run, {
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    // No two dials meet on loopback: each would be tried in vain, for three seconds.
    punch: false,
    limits: LIMITS,
    log: silentLog,
    onProgress: (fact) => facts.push(fact),
    ...options,
  })
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= role.stop()
    return stopped
  }
  onTestFinished(stop)
  return { ...role, facts, stop }
}

export async function joinRun(
  run: RunFolder,
  link: string | Invite,
  name: string,
  options: Partial<LocalVolunteerOptions> = {},
): Promise<VolunteerRole> {
  const role = await startVolunteer(typeof link === 'string' ? parseLink(link) : link, {
    name,
    software: 'test',
    home: join(run.root, 'volunteers', name),
    blobs: join(run.root, 'volunteers', name, 'blobs'),
    identity: null,
    limits: LIMITS,
    dataBytesMax: null,
    paused: null,
    hubCache: null,
    mirrors: [],
    followsMirrors: true,
    lan: null,
    onShared: () => {},
    log: silentLog,
    onStep: () => {},
    onTransfer: () => {},
    ...options,
  })
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= role.stop()
    return stopped
  }
  onTestFinished(stop)
  return { ...role, stop }
}
